//! Small n-dimensional arrays of `f64`, as slow and as plain as possible: the reference of all properties.

use wengert::{DType, Tensor};

/// Sizes and numbers, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    pub dims: Vec<usize>,
    pub data: Vec<f64>,
}

/// Calls `f` with every index of an array of these sizes, the last axis fastest.
pub fn each_index(dims: &[usize], mut f: impl FnMut(&[usize])) {
    let mut index = vec![0; dims.len()];
    for mut flat in 0..dims.iter().product() {
        for axis in (0..dims.len()).rev() {
            index[axis] = flat % dims[axis];
            flat /= dims[axis];
        }
        f(&index);
    }
}

/// The sizes to which both broadcast, aligned at the last axis.
pub fn broadcast(a: &[usize], b: &[usize]) -> Vec<usize> {
    let rank = a.len().max(b.len());
    let size = |dims: &[usize], axis: usize| if axis + dims.len() < rank { 1 } else { dims[axis + dims.len() - rank] };
    (0..rank).map(|axis| if size(a, axis) == 1 { size(b, axis) } else { size(a, axis) }).collect()
}

/// The axis that may count from the end.
pub fn axis(axis: isize, rank: usize) -> usize {
    if axis < 0 { (axis + rank as isize) as usize } else { axis as usize }
}

/// The axes that are meant: all of them if none is given.
pub fn axes(given: &[isize], rank: usize) -> Vec<usize> {
    (0..rank).filter(|&i| given.is_empty() || given.iter().any(|&a| axis(a, rank) == i)).collect()
}

impl Array {
    /// The array whose number at each index is `f` of it.
    pub fn from_fn(dims: &[usize], mut f: impl FnMut(&[usize]) -> f64) -> Self {
        let mut data = Vec::with_capacity(dims.iter().product());
        each_index(dims, |index| data.push(f(index)));
        Array { dims: dims.to_vec(), data }
    }

    pub fn zeros(dims: &[usize]) -> Self {
        Array { dims: dims.to_vec(), data: vec![0.0; dims.iter().product()] }
    }

    pub fn scalar(value: f64) -> Self {
        Array { dims: Vec::new(), data: vec![value] }
    }

    pub fn of(tensor: &Tensor) -> Self {
        Array { dims: tensor.shape().dims().to_vec(), data: tensor.to_vec() }
    }

    pub fn tensor(&self) -> Tensor {
        Tensor::from_fn(&self.dims[..], DType::F64, |i| self.data[i])
    }

    pub fn rank(&self) -> usize {
        self.dims.len()
    }

    pub fn numel(&self) -> usize {
        self.data.len()
    }

    /// Where the number at `index` lies. Of a longer index the last entries count, and an axis of size 1 has the same
    /// number everywhere, so this is also the number that broadcasting puts at `index`.
    fn place(&self, index: &[usize]) -> usize {
        let own = &index[index.len() - self.rank()..];
        own.iter().zip(&self.dims).fold(0, |flat, (&i, &n)| flat * n + if n == 1 { 0 } else { i })
    }

    pub fn at(&self, index: &[usize]) -> f64 {
        self.data[self.place(index)]
    }

    /// The number at `index`, to be written to.
    pub fn entry(&mut self, index: &[usize]) -> &mut f64 {
        let place = self.place(index);
        &mut self.data[place]
    }

    pub fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Array { dims: self.dims.clone(), data: self.data.iter().map(|&x| f(x)).collect() }
    }

    /// `f` of both at every index, broadcast.
    pub fn zip(&self, other: &Array, f: impl Fn(f64, f64) -> f64) -> Self {
        Array::from_fn(&broadcast(&self.dims, &other.dims), |index| f(self.at(index), other.at(index)))
    }

    /// `self + step · direction`.
    pub fn moved(&self, direction: &Array, step: f64) -> Self {
        self.zip(direction, |x, v| x + step * v)
    }

    /// The numbers of each line along `axes` folded into one; the axes stay with size 1 or are dropped.
    pub fn fold(&self, along: &[isize], keepdim: bool, start: f64, f: impl Fn(f64, f64) -> f64) -> Self {
        let along = axes(along, self.rank());
        let kept: Vec<usize> = (0..self.rank()).map(|i| if along.contains(&i) { 1 } else { self.dims[i] }).collect();
        let mut out = Array::zeros(&kept).map(|_| start);
        each_index(&self.dims, |index| {
            let entry = out.entry(index);
            *entry = f(*entry, self.at(index));
        });
        if !keepdim {
            out.dims = (0..self.rank()).filter(|i| !along.contains(i)).map(|i| self.dims[i]).collect();
        }
        out
    }

    /// The sum along `axes`.
    pub fn sum(&self, along: &[isize], keepdim: bool) -> Self {
        self.fold(along, keepdim, 0.0, |sum, x| sum + x)
    }

    /// How many numbers each line along `axes` has.
    pub fn count(&self, along: &[isize]) -> f64 {
        axes(along, self.rank()).iter().map(|&i| self.dims[i]).product::<usize>() as f64
    }

    /// The mean along `axes`.
    pub fn mean(&self, along: &[isize], keepdim: bool) -> Self {
        let count = self.count(along);
        self.sum(along, keepdim).map(|sum| sum / count)
    }

    /// The same numbers with other sizes.
    pub fn reshaped(&self, dims: &[usize]) -> Self {
        assert_eq!(dims.iter().product::<usize>(), self.numel(), "the reference is asked for {dims:?}");
        Array { dims: dims.to_vec(), data: self.data.clone() }
    }
}
