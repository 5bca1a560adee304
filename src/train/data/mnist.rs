//! MNIST and the data sets that come in its four files (Fashion-MNIST, for one), and the MNIST images in the crate.

use std::fs::{self, File};
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::{Split, idx};
use crate::error::{Error, Result};

/// The standard files' names in two parts, which are joined by a hyphen or, once unpacked by some tools, a dot.
const FILES: [(&str, &str); 4] = [
    ("train-images", "idx3-ubyte"),
    ("train-labels", "idx1-ubyte"),
    ("t10k-images", "idx3-ubyte"),
    ("t10k-labels", "idx1-ubyte"),
];

/// 600 training and 100 test images of each class; `ATTRIBUTION.md` beside the files says where from and how chosen.
const EMBEDDED: [&[u8]; 4] = [
    include_bytes!("embedded/train-images-idx3-ubyte.gz"),
    include_bytes!("embedded/train-labels-idx1-ubyte.gz"),
    include_bytes!("embedded/t10k-images-idx3-ubyte.gz"),
    include_bytes!("embedded/t10k-labels-idx1-ubyte.gz"),
];

/// The MNIST images in the crate: 6,000 to train on and 1,000 to test on, 1 x 28 x 28, as many of each digit.
///
/// # Errors
/// None, unless the crate was built from files other than its own.
pub fn embedded() -> Result<Split> {
    let paths = FILES.map(|(stem, kind)| PathBuf::from(format!("embedded {stem}-{kind}.gz")));
    read(paths, EMBEDDED.map(MultiGzDecoder::new), "the MNIST images embedded in the program")
}

/// Reads the four standard files in `dir`, each raw or, where there is no raw file, `.gz`: any number of images.
///
/// # Errors
/// [`Error::File`] if `dir` is not a directory, lacks one of the files, or a file is not what [`idx::read`] demands, or
/// test images differ in size from training images; [`Error::Io`] if the system refuses to open or read one.
pub fn load(dir: &Path) -> Result<Split> {
    let expected = "a directory with the four MNIST files";
    match fs::metadata(dir) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return Err(Error::file(dir, expected, "a file")),
        Err(e) if e.kind() == ErrorKind::NotFound => {
            return Err(Error::file(dir, expected, "nothing of that name"));
        }
        Err(e) => return Err(Error::io(dir, e)),
    }
    let [a, b, c, d] = FILES;
    // All are looked for before the first is read: a missing file is then reported at once.
    let paths = [find(dir, a)?, find(dir, b)?, find(dir, c)?, find(dir, d)?];
    let [a, b, c, d] = &paths;
    let inputs = [open(a)?, open(b)?, open(c)?, open(d)?];
    read(paths, inputs, &format!("{dir:?}")) // quoted and escaped: one line, whatever the name holds
}

fn read<R: Read>(paths: [PathBuf; 4], inputs: [R; 4], from: &str) -> Result<Split> {
    let [train_images, train_labels, test_images, test_labels] = inputs;
    let train = idx::read(train_images, &paths[0], train_labels, &paths[1])?;
    let test = idx::read(test_images, &paths[2], test_labels, &paths[3])?;
    let ([_, rows, columns], [_, test_rows, test_columns]) = (train.shape(), test.shape());
    if (rows, columns) != (test_rows, test_columns) {
        let expected = format!("images of {rows} x {columns}, as in {}", paths[0].display());
        return Err(Error::file(&paths[2], expected, format!("{test_rows} x {test_columns}")));
    }
    let source = format!("{} training and {} test images of {rows} x {columns} from {from}", train.len(), test.len());
    Ok(Split { train, test, source })
}

/// The file that is there, in the order of preference.
fn find(dir: &Path, (stem, kind): (&str, &str)) -> Result<PathBuf> {
    for ending in ["", ".gz"] {
        for joint in ["-", "."] {
            let path = dir.join(format!("{stem}{joint}{kind}{ending}"));
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() => {
                    return Err(Error::file(&path, "a file", "a directory"));
                }
                Ok(_) => return Ok(path),
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                Err(e) => return Err(Error::io(&path, e)),
            }
        }
    }
    Err(Error::file(dir, format!("{stem}-{kind} or {stem}-{kind}.gz in it"), "neither"))
}

/// What `idx` reads of a `.gz` is bounded by its header, so a gzip bomb is left where it is.
fn open(path: &Path) -> Result<Box<dyn Read>> {
    let file = BufReader::new(File::open(path).map_err(|e| Error::io(path, e))?);
    if path.extension().is_some_and(|e| e == "gz") {
        Ok(Box::new(MultiGzDecoder::new(file)))
    } else {
        Ok(Box::new(file))
    }
}
