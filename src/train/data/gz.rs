//! gzip files: one or more streams, as `cat` joins them, with zeros between or after them, as tape blocks are padded.

use flate2::bufread::GzDecoder;
use std::io::{self, BufRead, ErrorKind, Read};

/// The largest number of streams in a file. Compressors that write a file as blocks, one stream per block, use blocks
/// of at least 16 KiB, and no data set here has more than 1 GiB.
pub const MOST_STREAMS: u32 = 1 << 16;

/// The largest number of zeros after a stream: more than any tape block.
pub const MOST_ZEROS: u64 = 1 << 20;

/// Reads the unpacked contents of the streams in `R`. It does not limit their length: the caller does.
///
/// Reading fails if a stream is incomplete or its checksum is wrong, if anything but zeros or another stream follows
/// it, or if there are more than [`MOST_STREAMS`] streams or more than [`MOST_ZEROS`] zeros after a stream.
#[derive(Debug)]
pub struct GzReader<R> {
    /// The present stream; none after the last.
    stream: Option<GzDecoder<R>>,
    streams: u32,
}

impl<R: BufRead> GzReader<R> {
    /// Unpacks `input`, which begins with a stream.
    pub fn new(input: R) -> Self {
        Self { stream: Some(GzDecoder::new(input)), streams: 1 }
    }

    /// The next stream in `rest`, if there is one.
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
