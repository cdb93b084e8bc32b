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
        let mut file = vec![0, 0, 8, self.dims.len() as u8];
        self.dims.iter().for_each(|&n| file.extend((n as u32).to_be_bytes()));
        file.extend(&self.bytes);
        fs::write(path, file).map_err(|source| Error::File { action: "write", path: path.to_owned(), source })
    }
}
