//! Gets the four files of MNIST or Fashion-MNIST from a server and keeps only what is, digest for digest, the original.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};
use ureq::http::Uri;
use ureq::{Agent, Proxy};

use crate::error::{Error, Result};

/// A published data set of four `.gz` files.
pub struct Collection {
    /// Its name.
    pub name: &'static str,
    /// Where it can be had: the part of the files' addresses before their names.
    pub base_url: &'static str,
    /// Its files.
    pub files: [Published; 4],
}

/// A published file, recognized by what it holds: the same bytes go about in more than one compression.
pub struct Published {
    /// Its name, ending in `.gz`.
    pub name: &'static str,
    /// The length of its contents, uncompressed, in bytes.
    pub bytes: u64,
    /// SHA-256 of its contents, uncompressed, in lower-case hexadecimal.
    pub sha256: &'static str,
}

/// The MNIST database. The digests are those of the four standard files, uncompressed.
pub const MNIST: Collection = Collection {
    name: "MNIST",
    base_url: "https://ossci-datasets.s3.amazonaws.com/mnist/",
    files: four(
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
};

/// Fashion-MNIST. The digests are those of its publishers' four files, uncompressed.
pub const FASHION_MNIST: Collection = Collection {
    name: "Fashion-MNIST",
    base_url: "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    files: four(
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
};

/// The standard names and lengths (60,000 and 10,000 images of 28 x 28) with these digests.
const fn four(
    train_images: &'static str,
    train_labels: &'static str,
    test_images: &'static str,
    test_labels: &'static str,
) -> [Published; 4] {
    [
        Published { name: "train-images-idx3-ubyte.gz", bytes: 47_040_016, sha256: train_images },
        Published { name: "train-labels-idx1-ubyte.gz", bytes: 60_008, sha256: train_labels },
        Published { name: "t10k-images-idx3-ubyte.gz", bytes: 7_840_016, sha256: test_images },
        Published { name: "t10k-labels-idx1-ubyte.gz", bytes: 10_008, sha256: test_labels },
    ]
}

/// Fetches the files of `collection` that are not in `into` from `base_url`/name; makes the directory if it is missing.
///
/// Each file appears under its name only once it is complete and its digest is right. A proxy is taken from the
/// environment (`HTTPS_PROXY` and its kin), except towards this machine itself.
///
/// # Errors
/// - [`Error::Option`]: `base_url` is not an `http` or `https` URL.
/// - [`Error::File`] naming a URL: the server answers with anything but 200, breaks off, or sends other contents than
///   published.
/// - [`Error::File`] naming a path: `into` is a file, or a file already in it holds something else; it is left alone.
/// - [`Error::Io`]: the server cannot be reached (naming the URL), or the system refuses to write (naming the path).
pub fn download(collection: &Collection, base_url: &str, into: &Path) -> Result<()> {
    let agent = agent(base_url)?;
    if into.is_file() {
        return Err(Error::file(into, "a directory", "a file"));
    }
    fs::create_dir_all(into).map_err(|e| Error::io(into, e))?;
    let mut missing = Vec::new();
    for file in &collection.files {
        let path = into.join(file.name);
        if !path.try_exists().map_err(|e| Error::io(&path, e))? {
            missing.push((file, path));
        } else if let Some(seen) = flaw(&path, file)? {
            let expected = format!("{}'s file, {}, or none", collection.name, expected(file));
            return Err(Error::file(&path, expected, seen));
        }
    }
    for (file, path) in missing {
        let url = format!("{}/{}", base_url.trim_end_matches('/'), file.name);
        let part = Part(into.join(format!("{}.part", file.name)));
        fetch(&agent, &url, &part.0, file)?;
        if let Some(seen) = flaw(&part.0, file)? {
            return Err(Error::file(Path::new(&url), expected(file), seen));
        }
        fs::rename(&part.0, &path).map_err(|e| Error::io(&path, e))?;
    }
    Ok(())
}

fn agent(base_url: &str) -> Result<Agent> {
    let uri = base_url.parse::<Uri>().ok();
    let Some((Some("http" | "https"), Some(host))) = uri.as_ref().map(|uri| (uri.scheme_str(), uri.host())) else {
        return Err(Error::option("base URL", "a URL with http:// or https://", base_url));
    };
    let host = host.trim_matches(['[', ']']);
    let here = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    let silence = Some(Duration::from_secs(30));
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .proxy(if here { None } else { Proxy::try_from_env() })
        .timeout_resolve(silence)
        .timeout_connect(silence)
        .timeout_per_read(silence)
        .timeout_global(Some(Duration::from_secs(3600)));
    Ok(config.build().new_agent())
}

/// What is fetched, until it is whole; removed when dropped, unless it was renamed before.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        // After a rename there is nothing to remove; after an error, that error is the one to report.
        let _ = fs::remove_file(&self.0);
    }
}

/// Writes what `url` answers to `part`, on disk when this returns.
fn fetch(agent: &Agent, url: &str, part: &Path, file: &Published) -> Result<()> {
    let remote = Path::new(url);
    let local = |e| Error::io(part, e);
    let response = agent.get(url).call().map_err(|e| Error::io(remote, e.into_io()))?;
    if response.status() != 200 {
        return Err(Error::file(remote, "HTTP status 200", response.status()));
    }
    // Deflate never adds more than a few bytes to each stretch of 64 KiB.
    let limit = file.bytes + file.bytes / 1024 + 4096;
    let mut body = response.into_body().into_reader().take(limit + 1);
    let mut out = File::create(part).map_err(local)?;
    let (mut buffer, mut total) = (vec![0; 1 << 16], 0);
    loop {
        // Reading and writing fail for different reasons: unlike io::copy, this tells them apart.
        let n = match body.read(&mut buffer) {
            Ok(0) => return out.sync_all().map_err(local),
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => {
                return Err(Error::file(remote, "the whole file", format!("{total} bytes, then: {e}")));
            }
        };
        total += n as u64;
        if total > limit {
            return Err(Error::file(remote, format!("at most {limit} bytes"), "more"));
        }
        out.write_all(&buffer[..n]).map_err(local)?;
    }
}

fn expected(file: &Published) -> String {
    format!("{} bytes when unpacked, SHA-256 {}", file.bytes, file.sha256)
}

/// How the `.gz` at `path` differs from `file`; `None` if it holds the same bytes.
fn flaw(path: &Path, file: &Published) -> Result<Option<String>> {
    let input = BufReader::new(File::open(path).map_err(|e| Error::io(path, e))?);
    let mut input = MultiGzDecoder::new(input).take(file.bytes + 1);
    let (mut hasher, mut buffer, mut total) = (Sha256::new(), vec![0; 1 << 16], 0);
    loop {
        match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => {
                hasher.update(&buffer[..n]);
                total += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if e.raw_os_error().is_some() => return Err(Error::io(path, e)),
            Err(e) => return Ok(Some(format!("{total} bytes, then: {e}"))),
        }
    }
    if total > file.bytes {
        return Ok(Some(format!("over {} bytes", file.bytes)));
    }
    let digest: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((digest != file.sha256).then(|| format!("{total} bytes, SHA-256 {digest}")))
}
