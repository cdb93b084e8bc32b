//! The summary of a network before training.

use wengert::{
    Param, Tensor, Var,
    nn::{
        BatchNorm, Conv2d, Dropout, Flatten, GlobalAvgPool2d, Lambda, Layer, Linear, Relu, Residual, Sequential,
        summary, summary_all,
    },
    ops::ConvSpec,
};

use crate::message;

#[test]
fn a_summary_lists_each_layer_by_path_with_its_output_parameters_and_memory() {
    let same = || Conv2d::new(8, 8, 3, 1).with(ConvSpec::default().padding(1));
    let body = Sequential::new().named("conv", same()).named("norm", BatchNorm::new(8)).then(Relu);
    let net = Sequential::new()
        .named("stem", Conv2d::new(1, 8, 3, 0))
        .named("block", Residual::new(body))
        .then(GlobalAvgPool2d)
        .then(Dropout::new(0.5, 0))
        .then(Lambda(|x| x * 2.0))
        .named("head", Linear::new(8, 10, 2));
    net.freeze("block.body.conv").unwrap();
    let before: Vec<Tensor> = net.tensors().iter().map(Param::value).collect();
    let table = "\
path             layer            output          trainable  frozen    memory
stem             Conv2d           [n, 8, 26, 26]         80       0  21.1 KiB
block            Residual         [n, 8, 26, 26]         16     584  21.1 KiB
block.body       Sequential       [n, 8, 26, 26]         16     584  21.1 KiB
block.body.conv  Conv2d           [n, 8, 26, 26]          0     584  21.1 KiB
block.body.norm  BatchNorm        [n, 8, 26, 26]         16       0  21.1 KiB
block.body.2     Relu             [n, 8, 26, 26]          0       0  21.1 KiB
2                GlobalAvgPool2d  [n, 8]                  0       0      32 B
3                Dropout          [n, 8]                  0       0      32 B
4                Lambda           [n, 8]                  0       0      32 B
head             Linear           [n, 10]                90       0      40 B
total            Sequential       [n, 10]               186     584  84.6 KiB
Memory is that of the outputs for one observation, in single precision.
The parameters take 3.0 KiB.";
    let found = summary(&net, [1, 28, 28]);
    assert_eq!(found.to_string(), table);
    assert_eq!(found.layers[3].outputs[0].dims(), [1, 8, 26, 26]);
    assert_eq!((found.total.trainable, found.total.frozen), (80 + 16 + 90, 584));
    assert_eq!(found.total.bytes, 4 * (4 * 8 * 26 * 26 + 3 * 8 + 10));
    assert_eq!(found.param_bytes, 4 * (186 + 584));
    assert_eq!(net.tensors().iter().map(Param::value).collect::<Vec<_>>(), before, "statistics and counts are kept");
}

#[test]
fn a_layer_that_does_not_fit_is_named_with_its_line() {
    let body = Sequential::new().then(Flatten).named("fc", Linear::new(100, 3, 0));
    let line = line!() - 1;
    let net = Sequential::new().named("body", body);
    let sentence = message(|| _ = summary(&net, [1, 9, 9]));
    let need = "linear: the input needs as many features (its last size) as the weight [outputs, inputs] has columns";
    let place = format!("(in layer body.fc, at tests/layers/summary.rs:{line}:48)");
    assert_eq!(sentence, format!("{need}, but got [1, 81] and [3, 100] {place}"));
}

/// The difference of two inputs in a learned space.
struct Siamese {
    embed: Linear,
    again: Linear,
}

impl Layer for Siamese {
    fn forward_all<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        let difference = self.embed.forward(x[0]) - self.again.forward(x[1]);
        vec![difference, difference.square().sum()]
    }

    fn children(&self) -> Vec<(&str, &dyn Layer)> {
        vec![("embed", &self.embed), ("again", &self.again)]
    }
}

#[test]
fn inputs_outputs_and_shared_parameters_are_counted_as_they_are() {
    let embed = Linear::new(3, 4, 0);
    let again = Linear { weight: embed.weight.clone(), bias: embed.bias.clone() };
    let net = Siamese { embed, again };
    let table = "\
path   layer    output     trainable  frozen  memory
embed  Linear   –                 16       0     0 B
again  Linear   –                 16       0     0 B
total  Siamese  [n, 4] []         16       0    20 B
Memory is that of the outputs for one observation, in single precision.
The parameters take 64 B.";
    assert_eq!(summary_all(&net, &[[3], [3]]).to_string(), table);
}

#[test]
fn a_single_layer_is_its_own_summary() {
    let found = summary(&Linear::new(3, 4, 0), [5, 3]);
    assert_eq!((found.layers.len(), found.layers[0].layer, found.layers[0].trainable), (1, "Linear", 16));
    assert_eq!(found.layers[0].outputs[0].dims(), [1, 5, 4]);
    assert_eq!((found.total.bytes, found.layers[0].bytes), (80, 80));
}
