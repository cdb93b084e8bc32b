//! The idx format of MNIST, checked before it is used.
//!
//! An idx file of unsigned bytes starts with `00 00 08 r` for `r` axes, then holds the `r` sizes as big-endian `u32`
//! and the numbers in row-major order. Files packed with gzip are unpacked on the way.

use std::{
    fs::{self, File},
    io::{self, BufReader, ErrorKind, Read},
    path::Path,
};

use flate2::bufread::MultiGzDecoder;

use crate::{Error, FormatProblem, Result};

/// The numbers of an idx file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// The size of each axis, outermost first.
    pub dims: Vec<usize>,
    /// The numbers in row-major order; as many as the product of the sizes.
    pub bytes: Vec<u8>,
}

/// Reads an idx file of unsigned bytes with `rank` axes, packed with gzip if its name ends in `.gz`.
///
/// # Errors
/// [`Error::File`] when the file cannot be read; [`Error::Format`] when it is not such a file, is cut short, has bytes
/// left over, or its gzip stream is damaged.
pub fn read(path: &Path, rank: u8) -> Result<Idx> {
    let unreadable = |source| Error::File { action: "read", path: path.to_owned(), source };
    let format = |problem| Error::Format { path: path.to_owned(), problem };
    let packed = path.extension().is_some_and(|e| e == "gz");
    // The decoder reports damage with these kinds; all others come from the file itself.
    let failed = |source: io::Error| match source.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::InvalidInput | ErrorKind::InvalidData if packed => {
            format(FormatProblem::Other(format!("its gzip stream is cut short or damaged ({source})")))
        }
        _ => unreadable(source),
    };
    let file = BufReader::new(File::open(path).map_err(unreadable)?);
    let mut source: Box<dyn Read> = if packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };

    let mut header = Vec::new();
    let header_len = 4 * (1 + u64::from(rank));
    source.by_ref().take(header_len).read_to_end(&mut header).map_err(failed)?;
    let mut words = header.chunks_exact(4).map(|w| u32::from_be_bytes([w[0], w[1], w[2], w[3]]));
    let magic = 0x0800 | u64::from(rank);
    if let Some(found) = words.next().map(u64::from).filter(|&found| found != magic) {
        return Err(format(FormatProblem::Magic { expected: magic, found }));
    }
    if (header.len() as u64) < header_len {
        let why = format!("it ends inside its header, after {} of {header_len} bytes", header.len());
        return Err(format(FormatProblem::Other(why)));
    }

    let dims: Vec<usize> = words.map(|n| n as usize).collect();
    let len = dims.iter().fold(1_u64, |len, &n| len.saturating_mul(n as u64));
    let mut bytes = Vec::new();
    source.by_ref().take(len).read_to_end(&mut bytes).map_err(failed)?;
    let left_over = io::copy(&mut source, &mut io::sink()).map_err(failed)?;
    let (expected, found) = (header_len.saturating_add(len), header_len + bytes.len() as u64 + left_over);
    if expected == found { Ok(Idx { dims, bytes }) } else { Err(format(FormatProblem::Size { expected, found })) }
}

impl Idx {
    /// Writes the numbers as an unpacked idx file.
    ///
    /// # Errors
    /// [`Error::File`] when the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        fs::write(path, self.encode()).map_err(|source| Error::File { action: "write", path: path.to_owned(), source })
    }

    /// The bytes of the unpacked file.
    fn encode(&self) -> Vec<u8> {
        let mut file = vec![0, 0, 8, self.dims.len() as u8];
        self.dims.iter().for_each(|&n| file.extend((n as u32).to_be_bytes()));
        file.extend(&self.bytes);
        file
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::{io::Write, path::PathBuf};

    use flate2::{Compression, write::GzEncoder};
    use tempfile::TempDir;

    use super::*;

    pub(in super::super) fn pack(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn sample() -> Idx {
        Idx { dims: vec![2, 1, 3], bytes: vec![1, 2, 3, 4, 5, 255] }
    }

    /// The result of reading a file of this name with these bytes, with its path replaced by "FILE".
    fn message(name: &str, bytes: &[u8]) -> String {
        let dir = TempDir::new().unwrap();
        let path: PathBuf = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        read(&path, 3).unwrap_err().to_string().replace(path.to_str().unwrap(), "FILE")
    }

    #[test]
    fn what_was_written_is_read() {
        let dir = TempDir::new().unwrap();
        let (plain, packed) = (dir.path().join("a"), dir.path().join("a.gz"));
        sample().write(&plain).unwrap();
        fs::write(&packed, pack(&fs::read(&plain).unwrap())).unwrap();
        assert_eq!(fs::read(&plain).unwrap()[..16], [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3]);
        assert_eq!(read(&plain, 3).unwrap(), sample());
        assert_eq!(read(&packed, 3).unwrap(), sample());
    }

    #[test]
    fn another_kind_of_file_is_named() {
        let labels = Idx { dims: vec![20], bytes: vec![0; 20] }.encode();
        let other = "FILE: it starts with 0x00000801 instead of 0x00000803, so it is another kind of file";
        assert_eq!(message("a", &labels), other);
        assert_eq!(message("a.gz", &pack(&labels)), other);
        assert_eq!(
            message("a", &pack(&sample().encode())).split(" instead").next().unwrap(),
            "FILE: it starts with 0x1f8b0800"
        );
    }

    #[test]
    fn a_wrong_size_is_named() {
        let good = sample().encode();
        let longer = [&good[..], &[7, 7, 7]].concat();
        for (name, wrong) in
            [("a", (good[..20].to_vec(), longer.clone())), ("a.gz", (pack(&good[..20]), pack(&longer)))]
        {
            assert_eq!(message(name, &wrong.0), "FILE: its header promises 22 bytes, but it holds 20");
            assert_eq!(message(name, &wrong.1), "FILE: its header promises 22 bytes, but it holds 25");
        }
        assert_eq!(message("a", &[]), "FILE: it ends inside its header, after 0 of 16 bytes");
        assert_eq!(message("a", &good[..11]), "FILE: it ends inside its header, after 11 of 16 bytes");
        let mut endless = good;
        endless[4..16].fill(0xff);
        assert_eq!(message("a", &endless), format!("FILE: its header promises {} bytes, but it holds 22", u64::MAX));
    }

    #[test]
    fn a_damaged_gzip_stream_is_named() {
        let packed = pack(&sample().encode());
        let damaged = |bytes: &[u8]| {
            let message = message("a.gz", bytes);
            assert!(message.starts_with("FILE: its gzip stream is cut short or damaged ("), "{message}");
        };
        (0..packed.len()).for_each(|cut| damaged(&packed[..cut]));
        damaged(&sample().encode());
        damaged(&[&packed[..], b"rest"].concat());
        let mut wrong_checksum = packed.clone();
        wrong_checksum[packed.len() - 5] ^= 1;
        damaged(&wrong_checksum);
    }

    #[test]
    fn an_unreadable_file_is_named() {
        let dir = TempDir::new().unwrap();
        let missing = dir.path().join("none");
        let message = |path: &Path| read(path, 1).unwrap_err().to_string();
        assert!(message(&missing).starts_with(&format!("cannot read {}: ", missing.display())));
        assert!(message(dir.path()).starts_with(&format!("cannot read {}: ", dir.path().display())));
        let nowhere = missing.join("a");
        assert!(sample().write(&nowhere).unwrap_err().to_string().starts_with("cannot write "));
    }
}
