//! Compression, done once at build time: at the best quality it is far too slow to do for each request.

use std::io::Read;

use brotli::enc::BrotliEncoderParams;

use crate::error::{Doing, Result};

/// Compresses; `quality` goes from 0 to 11.
pub(crate) fn compress(mut bytes: &[u8], quality: i32) -> Result<Vec<u8>> {
    let params = BrotliEncoderParams { quality, size_hint: bytes.len(), ..Default::default() };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut bytes, &mut compressed, &params).doing("compressing")?;
    Ok(compressed)
}

/// Undoes [`compress`], or what a server did.
pub(crate) fn decompress(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut plain = Vec::new();
    brotli::Decompressor::new(bytes, 4096).read_to_end(&mut plain).doing("decompressing")?;
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_as_it_was() {
        let text = b"one two two three three three".repeat(50);
        let small = compress(&text, 11).unwrap();
        assert!(small.len() < text.len() / 10);
        assert_eq!(decompress(&small).unwrap(), text);
    }
}
