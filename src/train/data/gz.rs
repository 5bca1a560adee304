//! gzip: streams one after another, as `cat` joins them, with zeros between or after them, as tapes pad their blocks.

use flate2::bufread::GzDecoder;
use std::io::{self, BufRead, ErrorKind, Read};

/// Streams in a file. Compressors that cut a file into blocks, one a stream, give each at least 16 KiB, and no data set here
/// has more than 1 GiB.
pub const MOST_STREAMS: u32 = 1 << 16;

/// Zeros in a row beside streams: more than any tape's block.
pub const MOST_ZEROS: u64 = 1 << 20;

/// What the streams in `R` unpack to. How much may come of it is the reader's to limit.
///
/// Reading fails if a stream is not whole or its checksum differs, if anything but zeros or another stream follows it, and
/// beyond [`MOST_STREAMS`] and [`MOST_ZEROS`].
#[derive(Debug)]
pub struct GzReader<R> {
    /// None after the last.
    stream: Option<GzDecoder<R>>,
    streams: u32,
}

impl<R: BufRead> GzReader<R> {
    /// Unpacks `input`, which begins with a stream.
    pub fn new(input: R) -> Self {
        Self { stream: Some(GzDecoder::new(input)), streams: 1 }
    }

    /// The stream that follows in `rest`, if there is one.
    fn next(&mut self, mut rest: R) -> io::Result<Option<GzDecoder<R>>> {
        let invalid = |what: String| Err(io::Error::new(ErrorKind::InvalidData, what));
        let mut zeros = 0;
        loop {
            let bytes = rest.fill_buf()?;
            let here = bytes.iter().take_while(|byte| **byte == 0).count();
            match bytes.get(here) {
                Some(&MAGIC_BYTE) => {
                    rest.consume(here);
                    break;
                }
                Some(_) => {
                    let odd: Vec<String> = bytes[here..].iter().take(4).map(|byte| format!("{byte:02x}")).collect();
                    return invalid(format!("bytes {} after a gzip stream, no zeros and no stream", odd.join(" ")));
                }
                None if bytes.is_empty() => return Ok(None),
                None => {}
            }
            rest.consume(here);
            zeros += here as u64;
            if zeros > MOST_ZEROS {
                return invalid(format!("more than {MOST_ZEROS} zeros after a gzip stream"));
            }
        }
        if self.streams == MOST_STREAMS {
            return invalid(format!("more than {MOST_STREAMS} gzip streams"));
        }
        self.streams += 1;
        Ok(Some(GzDecoder::new(rest)))
    }
}

/// The first of the two bytes that every stream begins with.
const MAGIC_BYTE: u8 = 0x1F;

impl<R: BufRead> Read for GzReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(stream) = &mut self.stream {
            let read = stream.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            if let Some(stream) = self.stream.take() {
                self.stream = self.next(stream.into_inner())?;
            }
        }
        Ok(0)
    }
}
