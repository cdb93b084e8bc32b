//! Labeled images, checked before a run.

use crate::{DType, Error, Result, Shape, Tensor};

/// Labeled images of one shape.
///
/// Images are stored one after the other, each as `[channels, height, width]` in row-major order, so that the images of
/// a set of `n` are the numbers of a tensor `[n, channels, height, width]`. The loaders of this module give pixels
/// between 0 (background) and 1, in steps of 1/255. Labels are class numbers from 0.
///
/// ```
/// use wengert::data::Dataset;
/// let names = ["dark", "light"].map(String::from).to_vec();
/// let set = Dataset::new(vec![0.0, 0.25, 1.0, 0.75], vec![0, 1], [1, 1, 2], names)?;
/// assert_eq!((set.len(), set.classes(), set.image(1), set.label(1)), (2, 2, &[1.0, 0.75][..], 1));
/// assert_eq!(set.mean_image(), [0.5, 0.5]);
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    images: Vec<f32>,
    labels: Vec<usize>,
    shape: [usize; 3],
    names: Vec<String>,
}

impl Dataset {
    /// A data set of images of `shape` (`[channels, height, width]`), with one label for each image and one name for
    /// each class.
    ///
    /// # Errors
    /// [`Error::Empty`] without a label or without a name; [`Error::Length`] when the numbers do not fill whole images;
    /// [`Error::Setting`] when there is not one label for each image, or when a size is zero; [`Error::NonFinite`] for a
    /// pixel that is NaN or infinite; [`Error::Label`] for a label that has no name.
    pub fn new(images: Vec<f32>, labels: Vec<usize>, shape: [usize; 3], names: Vec<String>) -> Result<Self> {
        let set = Dataset { images, labels, shape, names };
        set.check()?;
        Ok(set)
    }

    /// A data set of the images of a tensor `[n, channels, height, width]`, with one label for each image and one name
    /// for each class. The set keeps its pixels in single precision.
    ///
    /// ```
    /// use wengert::{Tensor, data::Dataset};
    /// let images = Tensor::from([[[[0.0f32, 0.25]]], [[[1.0, 0.75]]]]);
    /// let set = Dataset::from_tensor(&images, vec![0, 1], ["dark", "light"].map(String::from).to_vec())?;
    /// assert_eq!((set.shape(), set.image(1)), ([1, 1, 2], &[1.0, 0.75][..]));
    /// assert_eq!(set.tensor(), images);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] when the tensor has another number of axes than four, or of images than of labels; otherwise
    /// those of [`Dataset::new`].
    pub fn from_tensor(images: impl Into<Tensor>, labels: Vec<usize>, names: Vec<String>) -> Result<Self> {
        let images = images.into().cast(DType::F32);
        let refuse = |need: String| Err(Error::shape("data set", &[images.shape()], need));
        let &[n, channels, height, width] = images.shape().dims() else {
            return refuse("images [n, channels, height, width] are needed".into());
        };
        if n != labels.len() {
            return refuse(format!("there must be an image for each of the {} labels", labels.len()));
        }
        Dataset::new(images.as_slice::<f32>()?.to_vec(), labels, [channels, height, width], names)
    }

    fn check(&self) -> Result<()> {
        let empty = |what: &str, need| Err(Error::Empty { what: what.to_owned(), need });
        if self.labels.is_empty() {
            return empty("the data set", "it needs at least one labeled image");
        }
        if self.names.is_empty() {
            return empty("the list of class names", "a data set needs a name for each class");
        }
        if self.shape.contains(&0) {
            let value = format!("{:?}", self.shape);
            return Err(Error::setting("data set", "image shape", value, "three sizes of at least 1"));
        }
        let [channels, height, width] = self.shape;
        let shape = Shape::from([self.len(), channels, height, width]);
        if shape.numel() != self.images.len() {
            let (numbers, pixels) = (self.images.len(), Shape::from(self.shape).numel());
            if !numbers.is_multiple_of(pixels) {
                return Err(Error::Length { shape, len: numbers });
            }
            let value = format!("{} of them for {} images", self.len(), numbers / pixels);
            return Err(Error::setting("data set", "labels", value, "one for each image"));
        }
        if let Some(index) = self.images.iter().position(|p| !p.is_finite()) {
            let what = format!("image {} of the data set", index / self.image_len());
            let (index, value) = (index % self.image_len(), f64::from(self.images[index]));
            return Err(Error::non_finite(what, index, value));
        }
        if let Some(index) = self.labels.iter().position(|&l| l >= self.classes()) {
            let (op, label, classes) = ("data set".to_owned(), self.labels[index], self.classes());
            return Err(Error::Label { op, label, index, classes });
        }
        Ok(())
    }

    /// The number of images.
    #[expect(clippy::len_without_is_empty, reason = "a data set is never empty")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// The shape of one image: `[channels, height, width]`.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// The number of pixels of one image, over all channels.
    pub fn image_len(&self) -> usize {
        self.shape.iter().product()
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.names.len()
    }

    /// The name of each class.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The pixels of all images, `[len, channels, height, width]`.
    pub fn images(&self) -> &[f32] {
        &self.images
    }

    /// The images as a tensor `[len, channels, height, width]` in single precision.
    pub fn tensor(&self) -> Tensor {
        tensor(&self.images, self.len(), self.shape)
    }

    /// The class of each image.
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// The pixels of image `index`, counted from 0: `[channels, height, width]`.
    ///
    /// # Panics
    /// When there is no such image.
    #[track_caller]
    pub fn image(&self, index: usize) -> &[f32] {
        self.assert_holds(index);
        let n = self.image_len();
        &self.images[index * n..][..n]
    }

    /// The class of image `index`, counted from 0.
    ///
    /// # Panics
    /// When there is no such image.
    #[track_caller]
    pub fn label(&self, index: usize) -> usize {
        self.assert_holds(index);
        self.labels[index]
    }

    #[track_caller]
    fn assert_holds(&self, index: usize) {
        let len = self.len();
        assert!(index < len, "there is no image {index} in a data set of {len} images, which count from 0");
    }

    /// The first `count` images, in their order.
    ///
    /// # Errors
    /// [`Error::Setting`] when `count` is 0 or larger than the set.
    pub fn first(mut self, count: usize) -> Result<Self> {
        if count == 0 || count > self.len() {
            let of = format!("a data set of {} images", self.len());
            return Err(Error::setting(&of, "first", count, "at least 1 and at most the number of images"));
        }
        self.images.truncate(count * self.image_len());
        self.labels.truncate(count);
        Ok(self)
    }

    /// The same data with other names for its classes.
    ///
    /// # Errors
    /// [`Error::Empty`] without a name, [`Error::Label`] when a label of the set has none.
    pub fn with_names(mut self, names: &[&str]) -> Result<Self> {
        self.names = names.iter().map(|&n| n.to_owned()).collect();
        self.check()?;
        Ok(self)
    }

    /// The mean of all images, pixel by pixel: `[channels, height, width]`. Sums are computed in f64, in the order
    /// of the images.
    pub fn mean_image(&self) -> Vec<f32> {
        let mut sums = vec![0.0_f64; self.image_len()];
        for image in self.images.chunks_exact(self.image_len()) {
            sums.iter_mut().zip(image).for_each(|(sum, &pixel)| *sum += f64::from(pixel));
        }
        sums.iter().map(|sum| (sum / self.len() as f64) as f32).collect()
    }

    /// The number of images of each class.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes()];
        self.labels.iter().for_each(|&label| counts[label] += 1);
        counts
    }
}

/// The pixels of `n` images of a shape, copied into a buffer of the pool: if a batch's own buffer were used, the pool
/// would grow by one a batch.
#[track_caller]
pub(super) fn tensor(pixels: &[f32], n: usize, [channels, height, width]: [usize; 3]) -> Tensor {
    Tensor::from_slice(pixels, [n, channels, height, width]).expect("there is a pixel for each place")
}
