//! A folder of images: one folder for each class, as most data sets of pictures are published.
//!
//! The names of the class folders, sorted, are the classes. The `image` crate decodes the files: PNG, JPEG, BMP and PNM
//! (PGM, PPM, PBM), known by their contents rather than by their names. Grey values of a color image are its luma,
//! 0.2126 R + 0.7152 G + 0.0722 B. Transparency, color profiles and the orientation that a camera noted are not looked at,
//! and samples of 16 bits are rounded to 8.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use ::image::{DynamicImage, ImageError, ImageReader, Limits, imageops::FilterType};
use rayon::prelude::*;

use super::Dataset;
use crate::{Error, FormatProblem, Result, regular};

/// The largest width and height of an image.
const MAX_SIDE: u32 = 1 << 15;
/// The most memory that one image may take while it is decoded, in bytes.
const MAX_BYTES: u64 = 1 << 29;

/// A folder with a folder of images for each class, and how to read it.
///
/// ```
/// use wengert::data::ImageFolder;
/// # let dir = tempfile::tempdir().unwrap();
/// # for class in ["linen", "cotton"] {
/// #     std::fs::create_dir(dir.path().join(class)).unwrap();
/// #     std::fs::write(dir.path().join(class).join("1.pgm"), b"P2 3 2 255 0 1 2 3 51 5").unwrap();
/// # }
/// # let dir = dir.path();
/// // dir/cotton/1.pgm and dir/linen/1.pgm, 2 rows and 3 columns each
/// let set = ImageFolder::new(dir).center_crop(1, 1).load()?;
/// assert_eq!((set.shape(), set.names()), ([1, 1, 1], &["cotton", "linen"].map(String::from)[..]));
/// assert_eq!(ImageFolder::new(dir).load()?.image(0)[4], 51.0 / 255.0);
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ImageFolder {
    dir: PathBuf,
    color: bool,
    crop: Option<[usize; 2]>,
    size: Option<[usize; 2]>,
}

impl ImageFolder {
    /// Grey images `[1, height, width]` of a folder, all of one size.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        ImageFolder { dir: dir.into(), color: false, crop: None, size: None }
    }

    /// Reads color images `[3, height, width]`: red, green, blue. A gray image has three equal channels.
    pub fn color(self) -> Self {
        ImageFolder { color: true, ..self }
    }

    /// Cuts `height` rows and `width` columns out of the middle of each image, without scaling: from row
    /// ⌊(rows - height)/2⌋ and column ⌊(columns - width)/2⌋ on.
    pub fn center_crop(self, height: usize, width: usize) -> Self {
        ImageFolder { crop: Some([height, width]), ..self }
    }

    /// Scales each image (what [`center_crop`](Self::center_crop) left of it) to `height` rows and `width` columns,
    /// whatever its proportions: linear interpolation, and averages where it shrinks.
    pub fn resize(self, height: usize, width: usize) -> Self {
        ImageFolder { size: Some([height, width]), ..self }
    }

    /// Reads all images: class by class, and within a class by the names of the files, in the order of their bytes.
    /// Pixels are divided by 255, so they lie between 0 and 1.
    ///
    /// Files beside the class folders are not read, and neither is anything whose name begins with a dot. All else in a
    /// class folder must be an image.
    ///
    /// # Errors
    /// [`Error::Setting`] for a size of 0; [`Error::File`] for a folder or file that cannot be read, or is none;
    /// [`Error::Format`] for a folder without class folders, a class without images, and an image that is damaged, of an
    /// unknown format, too small for the crop, of another size than the first, or larger than 32768 rows or columns or
    /// 512 MiB. Where several are wrong, the first is named.
    pub fn load(&self) -> Result<Dataset> {
        for (name, size) in [("center_crop", self.crop), ("resize", self.size)] {
            if let Some(size) = size.filter(|size| size.iter().any(|n| !(1..=MAX_SIDE as usize).contains(n))) {
                return Err(Error::setting("image folder", name, format!("{size:?}"), "two sizes from 1 to 32768"));
            }
        }
        let classes = list(&self.dir, |path| path.is_dir())?;
        if classes.is_empty() {
            return Err(problem(&self.dir, "it has no folder, but it needs one for each class"));
        }
        let mut files = Vec::new();
        for (label, class) in classes.iter().enumerate() {
            let images = list(class, |_| true)?;
            if images.is_empty() {
                return Err(problem(class, "it has no image, but each class needs at least one"));
            }
            files.extend(images.into_iter().map(|path| (path, label)));
        }
        let name = |class: &PathBuf| class.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let names = classes.iter().map(name).collect();
        let (pixels, shape) = self.images(&files)?;
        Dataset::new(pixels, files.iter().map(|&(_, label)| label).collect(), shape, names)
    }

    /// The pixels of all files, and the shape of one image.
    fn images(&self, files: &[(PathBuf, usize)]) -> Result<(Vec<f32>, [usize; 3])> {
        let (mut pixels, mut shape) = (Vec::new(), None);
        // A few at a time: their order decides which error is reported.
        for files in files.chunks(64) {
            let images: Vec<Result<DynamicImage>> = files.par_iter().map(|(path, _)| self.image(path)).collect();
            for ((path, _), image) in files.iter().zip(images) {
                let image = image?;
                let found = (image.height() as usize, image.width() as usize);
                let (height, width) = *shape.get_or_insert(found);
                if found != (height, width) {
                    let (rows, columns) = found;
                    let why = format!(
                        "it has {rows} rows and {columns} columns, but the first image has {height} and {width}; bring all to one \
                         size with `center_crop` or `resize`"
                    );
                    return Err(problem(path, why));
                }
                pixels.extend(self.planes(image));
            }
        }
        let (height, width) = shape.expect("no class is empty");
        Ok((pixels, [if self.color { 3 } else { 1 }, height, width]))
    }

    /// An image of the right channels and size.
    fn image(&self, path: &Path) -> Result<DynamicImage> {
        let image = decode(path)?;
        let mut image: DynamicImage = if self.color { image.into_rgb8().into() } else { image.into_luma8().into() };
        if let Some([height, width]) = self.crop {
            let (rows, columns) = (image.height() as usize, image.width() as usize);
            if rows < height || columns < width {
                let why = format!(
                    "it has {rows} rows and {columns} columns, too few for the crop of {height} rows and {width} columns"
                );
                return Err(problem(path, why));
            }
            let (top, left) = ((rows - height) / 2, (columns - width) / 2);
            image = image.crop_imm(left as u32, top as u32, width as u32, height as u32);
        }
        if let Some([height, width]) = self.size {
            image = image.resize_exact(width as u32, height as u32, FilterType::Triangle);
        }
        Ok(image)
    }

    /// The pixels of an image, one channel after the other.
    fn planes(&self, image: DynamicImage) -> Vec<f32> {
        let channels = if self.color { 3 } else { 1 };
        let bytes = image.into_bytes();
        (0..channels).flat_map(|c| bytes.iter().skip(c).step_by(channels).map(|&p| f32::from(p) / 255.0)).collect()
    }
}

/// What a folder holds, sorted by name, without what is hidden.
fn list(dir: &Path, keep: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>> {
    let unreadable = |source| Error::File { action: "read", path: dir.to_owned(), source };
    let entries = fs::read_dir(dir).map_err(unreadable)?.collect::<io::Result<Vec<_>>>().map_err(unreadable)?;
    let visible = entries.iter().filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    let mut paths: Vec<PathBuf> = visible.map(|entry| entry.path()).filter(|path| keep(path)).collect();
    paths.sort();
    Ok(paths)
}

/// Decodes a file, within limits: a small file may promise a huge image.
fn decode(path: &Path) -> Result<DynamicImage> {
    let file = io::BufReader::new(regular::open(path)?);
    let unreadable = |source| Error::File { action: "read", path: path.to_owned(), source };
    let mut reader = ImageReader::new(file).with_guessed_format().map_err(unreadable)?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE), Some(MAX_SIDE));
    limits.max_alloc = Some(MAX_BYTES);
    reader.limits(limits);
    if reader.format().is_none() {
        return Err(problem(path, "it is no image of a known format (PNG, JPEG, BMP, PNM)"));
    }
    reader.decode().map_err(|error| match error {
        ImageError::Limits(limit) => {
            problem(path, format!("it is too large an image: {limit}; 32768 rows and columns and 512 MiB are allowed"))
        }
        ImageError::Unsupported(what) => problem(path, format!("it is an image of a kind that is not read ({what})")),
        other => problem(path, format!("it is a damaged image ({other})")),
    })
}

fn problem(path: &Path, why: impl Into<String>) -> Error {
    Error::Format { path: path.to_owned(), problem: FormatProblem::Other(why.into()) }
}
