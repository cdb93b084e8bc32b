//! A learned vector for each of a number of things: words, classes, positions.

use super::{Init, Layer};
use crate::{Error, Param, Shape, Var};

/// Row i of a learned table for each index i: indices `[..]` to `[.., dim]`.
///
/// The input holds the indices as numbers, whole and less than the number of rows. They are data: a gradient is taken
/// with respect to the rows, not to the indices. Single precision holds every index up to 2²⁴.
///
/// ```
/// use wengert::{Tape, nn::{Embedding, Layer}};
/// let words = Embedding::new(100, 3, 0);
/// let tape = Tape::new();
/// let sentence = tape.constant([[7.0, 42.0, 7.0]]);
/// let y = words.forward(sentence);
/// assert_eq!(y.shape().dims(), [1, 3, 3]);
/// assert_eq!(y.value().at(&[0, 1, 2]), words.weight.value().at(&[42, 2]));
/// let gradients = y.sum().backward()?;
/// assert_eq!(gradients.wrt(&words.weight)?.at(&[7, 0]), 2.0);
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Debug)]
pub struct Embedding {
    /// `[rows, dim]`.
    pub weight: Param,
}

impl Embedding {
    /// A layer of `rows` vectors of `dim` numbers, drawn from the normal distribution with mean 0 and variance 1, as in
    /// PyTorch.
    ///
    /// # Panics
    /// When `rows` or `dim` is 0.
    #[track_caller]
    pub fn new(rows: usize, dim: usize, seed: u64) -> Self {
        assert!(
            rows > 0 && dim > 0,
            "embedding: {rows} rows of {dim} numbers hold nothing; at least one each is needed"
        );
        Embedding { weight: Param::new("weight", Init::Normal(1.0).draw([rows, dim], seed)) }
    }
}

impl Layer for Embedding {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let (tape, shape, table) = (x.tape(), x.shape(), self.weight.shape());
        let numbers = x.value().to_vec();
        let wrong = |i: &f64| !(i.fract() == 0.0 && (0.0..table[0] as f64).contains(i));
        let need = match numbers.iter().position(wrong) {
            _ if x.needs_grad() => Some("indices have no gradient, so they must be constant".to_owned()),
            Some(at) => Some(format!(
                "an index must be a whole number from 0 to {}, and that at place {at} is {}",
                table[0] - 1,
                numbers[at]
            )),
            None => None,
        };
        if let Some(need) = need {
            panic!("{}", tape.locate(Error::shape("embedding", &[&shape, &table], need)));
        }
        let indices: Vec<usize> = numbers.iter().map(|&i| i as usize).collect();
        let vectors = tape.watch(&self.weight).index_select(0, &indices);
        vectors.reshape(shape.iter().copied().chain([table[1]]).collect::<Shape>())
    }

    fn params(&self) -> Vec<Param> {
        vec![self.weight.clone()]
    }
}
