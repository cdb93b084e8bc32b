//! The images: some classes to learn, of which a few images are kept for a test, and others that training never sees.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use wengert::{
    Error, Result,
    data::{self, Dataset, idx, mnist},
};

use crate::options::Source;

/// Images of learned and of unseen classes.
pub struct Split {
    /// What is trained on: classes from 0.
    pub train: Dataset,
    /// Other images of the same classes.
    pub test: Dataset,
    /// Images of other classes; those of the test if none were held out.
    pub unseen: Dataset,
    /// What was held out, in words.
    pub held_out: String,
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = |set: &Dataset| format!("{} images of {} classes", set.len(), set.classes());
        write!(f, "{} to learn, {} to test", counts(&self.train), self.test.len())?;
        match self.held_out.as_str() {
            "" => write!(f, "; no class is held out, so pairs are of test images"),
            out => write!(f, "; {} held out ({out})", counts(&self.unseen)),
        }
    }
}

/// All images, before some classes are held out.
struct Images {
    set: Dataset,
    /// Whether each image is kept for the test.
    is_test: Vec<bool>,
    /// Whether pairs of unseen classes are made of test images alone (or of all).
    test_pairs: bool,
    /// The group (the alphabet) of each class. Groups are held out whole.
    groups: Vec<usize>,
    names: Vec<String>,
    /// What they are called in errors.
    of: String,
}

/// Loads the images and holds out `count` groups of classes, drawn with `seed`.
pub fn load(source: &Source, count: usize, seed: u64) -> Result<Split> {
    let images = match source {
        Source::Digits => {
            let digits = data::digits(seed);
            Images::of_parts(digits.train, digits.test)?
        }
        Source::Mnist(folder) => {
            let (train, test) = mnist::load_first(folder, 10_000, 5_000)?;
            Images::of_parts(train, test)?
        }
        Source::Faces(folder) => Images::of_folder(folder, "olivetti", 32, None)?,
        Source::Omniglot(folder) => Images::of_folder(folder, "omniglot8", 28, Some("alphabets"))?,
    };
    images.split(count, seed)
}

impl Images {
    /// A training set and a test set, in which each class is a group of its own.
    fn of_parts(train: Dataset, test: Dataset) -> Result<Self> {
        let is_test = (0..train.len() + test.len()).map(|i| i >= train.len()).collect();
        let pixels = [train.images(), test.images()].concat();
        let labels = [train.labels(), test.labels()].concat();
        let set = Dataset::new(pixels, labels, train.shape(), train.names().to_vec())?;
        let names = set.names().to_vec();
        Ok(Images {
            is_test,
            test_pairs: true,
            groups: (0..set.classes()).collect(),
            names,
            of: "digits".to_owned(),
            set,
        })
    }

    /// The images of `NAME-images-idx3-ubyte`, averaged down to `side` pixels, with the labels of `NAME-labels-idx1-ubyte`
    /// and, perhaps, a file of the same form for the groups. Every fifth image of a class is kept for the test.
    fn of_folder(folder: &Path, name: &str, side: usize, groups: Option<&'static str>) -> Result<Self> {
        let bytes = |what: &str| -> Result<Vec<usize>> {
            let path = find(folder, &format!("{name}-{what}-idx1-ubyte"));
            Ok(idx::read(&path, 1)?.bytes.into_iter().map(usize::from).collect())
        };
        let images = idx::read(&find(folder, &format!("{name}-images-idx3-ubyte")), 3)?;
        let labels = bytes("labels")?;
        let [n, height, width] = images.dims[..] else { unreachable!("three axes were asked for") };
        let of_images = |what: &'static str, list: &[usize]| match list.len() == n {
            true => Ok(()),
            false => {
                let value = format!("{} of them for {n} images", list.len());
                Err(Error::setting(name, what, value, "one for each image"))
            }
        };
        of_images("labels", &labels)?;
        let pixels =
            images.bytes.chunks((height * width).max(1)).flat_map(|image| shrink(image, height, width, side)).collect();
        let classes = labels.iter().max().map_or(0, |&most| most + 1);
        let names = (0..classes).map(|c| c.to_string()).collect();
        let mut seen = vec![0; classes];
        let mut fifth = |&class: &usize| {
            seen[class] += 1;
            seen[class] % 5 == 0
        };
        let is_test = labels.iter().map(&mut fifth).collect();
        let groups = match groups {
            None => (0..classes).collect(),
            Some(what) => {
                let list = bytes(what)?;
                of_images(what, &list)?;
                let mut groups = vec![0; classes];
                labels.iter().zip(list).for_each(|(&class, group)| groups[class] = group);
                groups
            }
        };
        let count = groups.iter().max().map_or(0, |&most| most + 1);
        let set = Dataset::new(pixels, labels, [1, side, side], names)?;
        Ok(Images {
            set,
            is_test,
            test_pairs: false,
            groups,
            names: (0..count).map(|g| g.to_string()).collect(),
            of: name.to_owned(),
        })
    }

    fn split(&self, count: usize, seed: u64) -> Result<Split> {
        let total = self.names.len();
        let mut order: Vec<usize> = (0..total).collect();
        order.shuffle(&mut StdRng::seed_from_u64(seed));
        let mut out = order[..count.min(total)].to_vec();
        out.sort_unstable();
        let is_out = |class: usize| out.contains(&self.groups[class]);
        let classes = (0..self.set.classes()).filter(|&class| is_out(class)).count();
        if count > total || classes == 1 || classes + 2 > self.set.classes() {
            let value = format!("{count} of {total}");
            let must = "0, or at least 2 classes with at least 2 left, so that there are pairs of different ones";
            return Err(Error::setting(&self.of, "held out", value, must));
        }
        let part = |of: &dyn Fn(usize) -> bool| self.part(&(0..self.set.len()).filter(|&i| of(i)).collect::<Vec<_>>());
        let class = |i: usize| self.set.label(i);
        let test = part(&|i| self.is_test[i] && !is_out(class(i)))?;
        Ok(Split {
            train: part(&|i| !self.is_test[i] && !is_out(class(i)))?,
            unseen: match count {
                0 => test.clone(),
                _ => part(&|i| (self.is_test[i] || !self.test_pairs) && is_out(class(i)))?,
            },
            test,
            held_out: out.iter().map(|&group| self.names[group].clone()).collect::<Vec<_>>().join(", "),
        })
    }

    /// Some of the images, with their classes counted from 0.
    fn part(&self, indices: &[usize]) -> Result<Dataset> {
        let mut classes: Vec<usize> = indices.iter().map(|&i| self.set.label(i)).collect();
        classes.sort_unstable();
        classes.dedup();
        let label = |&i: &usize| classes.binary_search(&self.set.label(i)).expect("it is one of them");
        let pixels = indices.iter().flat_map(|&i| self.set.image(i).iter().copied()).collect();
        let names = classes.iter().map(|&class| self.set.names()[class].clone()).collect();
        Dataset::new(pixels, indices.iter().map(label).collect(), self.set.shape(), names)
    }
}

/// The file of this name in the folder; packed, unless there is an unpacked one.
fn find(folder: &Path, name: &str) -> PathBuf {
    let plain = folder.join(name);
    if plain.exists() { plain } else { folder.join(format!("{name}.gz")) }
}

/// An image averaged down to `side` × `side` pixels between 0 and 1. The windows of neighboring pixels share a row or a
/// column where the sizes do not divide, as in PyTorch's `AdaptiveAvgPool2d`.
fn shrink(image: &[u8], height: usize, width: usize, side: usize) -> Vec<f32> {
    let window = |k: usize, size: usize| k * size / side..((k + 1) * size).div_ceil(side);
    let mean = |(r, c): (usize, usize)| {
        let (rows, columns) = (window(r, height), window(c, width));
        let count = rows.len() * columns.len();
        let sum: u32 = rows.flat_map(|y| columns.clone().map(move |x| u32::from(image[y * width + x]))).sum();
        sum as f32 / (255 * count) as f32
    };
    (0..side).flat_map(|r| (0..side).map(move |c| (r, c))).map(mean).collect()
}
