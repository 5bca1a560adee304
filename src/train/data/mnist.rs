//! MNIST and the data sets that come in its four files (Fashion-MNIST, for one), and the MNIST images in the crate.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::gz::GzReader;
use super::{Split, files, idx};
use crate::error::{Error, Result};

/// The four standard files' names, and those they have once unpacked by some tools.
pub const FILES: [[&str; 2]; 4] = [
    ["train-images-idx3-ubyte", "train-images.idx3-ubyte"],
    ["train-labels-idx1-ubyte", "train-labels.idx1-ubyte"],
    ["t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte"],
    ["t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte"],
];

/// 600 training and 100 test images of each class; `ATTRIBUTION.md` beside the files says where from and how chosen.
const EMBEDDED: [&[u8]; 4] = [
    include_bytes!("embedded/train-images-idx3-ubyte.gz"),
    include_bytes!("embedded/train-labels-idx1-ubyte.gz"),
    include_bytes!("embedded/t10k-images-idx3-ubyte.gz"),
    include_bytes!("embedded/t10k-labels-idx1-ubyte.gz"),
];

/// The MNIST images in the crate: 6,000 to train on and 1,000 to test on, 1 x 28 x 28, each digit equally often.
///
/// # Errors
/// None, unless the crate was built from files other than its own.
pub fn embedded() -> Result<Split> {
    let paths = FILES.map(|[name, _]| PathBuf::from(format!("embedded {name}.gz")));
    read(paths, EMBEDDED.map(GzReader::new), "the MNIST images embedded in the program")
}

/// Reads the four standard files in `dir`, each raw or, where there is no raw file, `.gz`: any number of images.
///
/// # Errors
/// [`Error::File`] if `dir` lacks one of the files, or a file is not what [`idx::read`] demands, or
/// test images differ in size from training images; [`Error::Io`] if the system refuses to open or read one.
pub fn load(dir: &Path) -> Result<Split> {
    let [a, b, c, d] = FILES;
    // All are looked for before the first is read: a missing file is then reported at once.
    let paths = [files::find(dir, &a)?, files::find(dir, &b)?, files::find(dir, &c)?, files::find(dir, &d)?];
    let [a, b, c, d] = &paths;
    let inputs = [files::open(a)?, files::open(b)?, files::open(c)?, files::open(d)?];
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
