//! Layers refuse settings and inputs that cannot be meant.

use wengert::{
    DType, Tape, Tensor,
    nn::{
        Celu, CosineHead, Dropout, Embedding, GlobalAvgPool2d, GroupNorm, InstanceNorm, Layer, LayerNorm, Linear,
        Residual,
    },
};

use crate::{assert_usable, panics, zeros};

#[test]
fn settings_that_no_layer_can_have_are_refused_where_the_layer_is_made() {
    panics("celu: alpha is 0, but it must be finite and not 0", || _ = Celu::new(0.0));
    panics("celu: alpha is NaN, but it must be finite and not 0", || _ = Celu::new(f64::NAN));
    let probability = "dropout: the probability is 1, but it must be at least 0 and less than 1";
    panics(probability, || _ = Dropout::new(1.0, 0));
    for (shape, text) in [(vec![], "[]"), (vec![3, 0], "[3, 0]")] {
        let need = "it must have at least one axis, and none of size 0";
        panics(&format!("layer_norm: the shape is {text}, but {need}"), || _ = LayerNorm::new(shape));
    }
    for groups in [0, 4] {
        let sentence = format!("group_norm: 6 channels cannot be divided into {groups} groups of equal size");
        panics(&sentence, || _ = GroupNorm::new(groups, 6));
    }
    let nothing = "embedding: 5 rows of 0 numbers hold nothing; at least one each is needed";
    panics(nothing, || _ = Embedding::new(5, 0, 0));
    let nothing = "embedding: 0 rows of 5 numbers hold nothing; at least one each is needed";
    panics(nothing, || _ = Embedding::new(0, 5, 0));
    let sizes = |sizes: &str| format!("cosine head: {sizes} numbers hold nothing; at least one each is needed");
    panics(&sizes("0 classes of 1 centers of 4"), || _ = CosineHead::new(4, 0, 0));
    panics(&sizes("3 classes of 1 centers of 0"), || _ = CosineHead::new(0, 3, 0));
    panics(&sizes("3 classes of 0 centers of 4"), || _ = CosineHead::with_sub_centers(4, 3, 0, 0));
}

#[test]
fn indices_that_name_no_row_or_want_a_gradient_are_refused() {
    let tape = Tape::f64();
    let layer = Embedding::new(5, 3, 0);
    for wrong in [5.0, -1.0, 1.5, f64::NAN, f64::INFINITY] {
        let need = format!("an index must be a whole number from 0 to 4, and that at place 2 is {wrong}");
        let x = tape.constant([[0.0, 4.0], [wrong, 9.0]]);
        let sentence = format!("embedding: {need}, but got [2, 2] and [5, 3]");
        panics(&sentence, || _ = layer.forward(x));
        let _scope = tape.scope("words");
        panics(&format!("{sentence} (in layer words)"), || _ = layer.forward(x));
    }
    let sentence = "embedding: indices have no gradient, so they must be constant, but got [1] and [5, 3]";
    panics(sentence, || _ = layer.forward(tape.leaf([1.0])));
    assert_usable(&tape);
}

#[test]
fn inputs_of_another_kind_are_refused() {
    let tape = Tape::f64();
    let (features, row) = (zeros(&tape, [2, 3]), zeros(&tape, [2, 3, 1]));
    for x in [features, row, zeros(&tape, [2, 3, 4, 5, 6])] {
        let sentence = format!("global_avg_pool2d: images [n, c, h, w] are needed, but got {}", x.shape());
        panics(&sentence, || _ = GlobalAvgPool2d.forward(x));
    }
    for x in [features, row, zeros(&tape, [2, 4, 5])] {
        let need = "[n, 3, ..] with at least two numbers in each channel is needed";
        let sentence = format!("instance_norm: {need}, but got {}", x.shape());
        panics(&sentence, || _ = InstanceNorm::new(3).forward(x));
    }
    let sum = "residual: the output of the body must have the shape of its input, but got [2, 1] and [2, 3]";
    panics(sum, || _ = Residual::new(Linear::new(3, 1, 0)).forward(features));
    let ones = tape.constant(Tensor::ones([2, 4], DType::F64));
    let need = "gamma and beta must have the sizes of the input's last axes, at least one";
    let sentence = format!("layer_norm: {need}, but got [2, 4] and [3] and [3]");
    panics(&sentence, || _ = LayerNorm::new([3]).forward(ones));
    let need = "[n, c, ..] with gamma [c] and beta [c], and channels that 3 groups divide, are needed";
    let sentence = format!("group_norm: {need}, but got [2, 4] and [3] and [3]");
    panics(&sentence, || _ = GroupNorm::new(3, 3).forward(ones));
    let need = "[n, c, ..] with gamma [c] and beta [c], and channels that 1 group divides, are needed";
    let sentence = format!("group_norm: {need}, but got [2, 4] and [3] and [3]");
    panics(&sentence, || _ = GroupNorm::new(1, 3).forward(ones));
    assert_usable(&tape);
}
