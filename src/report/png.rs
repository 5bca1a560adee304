//! Images as PNG, for a figure to hold: their pixels as they are, not compressed.
//!
//! The format is W3C's *Portable Network Graphics* (third edition): a signature and chunks of length, type, data and CRC-32; the
//! pixels are rows, each after a filter byte 0, in a zlib stream (RFC 1950) of stored blocks (RFC 1951, 3.2.4).

/// The `data:` URI of an image (C, H, W) as row-major bytes: in colour with three channels, else the first one in grey.
///
/// # Panics
/// If there are not as many bytes as `shape` says, or a size is 0.
pub fn data_uri(pixels: &[u8], shape: [usize; 3]) -> String {
    format!("data:image/png;base64,{}", base64(&png(pixels, shape)))
}

/// The file of an image (C, H, W) as row-major bytes.
///
/// # Panics
/// As [`data_uri`].
pub fn png(pixels: &[u8], shape: [usize; 3]) -> Vec<u8> {
    let [channels, height, width] = shape;
    assert!(!shape.contains(&0) && pixels.len() == channels * height * width, "an image of its shape");
    let planes = if channels == 3 { 3 } else { 1 };
    let mut rows = Vec::with_capacity(height * (1 + width * planes));
    for y in 0..height {
        rows.push(0);
        let row = (0..width).flat_map(|x| (0..planes).map(move |plane| plane * height * width + y * width + x));
        rows.extend(row.map(|at| pixels[at]));
    }
    let [width, height] = [width, height].map(|size| (size as u32).to_be_bytes());
    let colour = if planes == 3 { 2 } else { 0 };
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut file, b"IHDR", &[&width[..], &height, &[8, colour, 0, 0, 0]].concat());
    chunk(&mut file, b"IDAT", &zlib(&rows));
    chunk(&mut file, b"IEND", &[]);
    file
}

fn chunk(file: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) {
    file.extend((data.len() as u32).to_be_bytes());
    let begin = file.len();
    file.extend(name);
    file.extend(data);
    file.extend(crc32(&file[begin..]).to_be_bytes());
}

/// A stream of stored blocks.
fn zlib(data: &[u8]) -> Vec<u8> {
    /// A block's length has 16 bits.
    const MOST: usize = 0xFFFF;
    let mut stream = vec![0x78, 0x01];
    let blocks = data.chunks(MOST);
    let last = blocks.len() - 1;
    for (i, block) in blocks.enumerate() {
        let length = block.len() as u16;
        stream.push(u8::from(i == last));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    stream.extend(adler32(data).to_be_bytes());
    stream
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

fn adler32(bytes: &[u8]) -> u32 {
    let sum = |(a, b): (u32, u32), byte: &u8| {
        let a = (a + u32::from(*byte)) % 65521;
        (a, (b + a) % 65521)
    };
    let (a, b) = bytes.iter().fold((1, 0), sum);
    b << 16 | a
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let word = (0..3).fold(0, |word, i| word << 8 | u32::from(three.get(i).copied().unwrap_or(0)));
        for i in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * i) & 63) as usize];
            text.push(if i <= three.len() { digit.into() } else { '=' });
        }
    }
    text
}
