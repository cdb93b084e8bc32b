//! Layers of the size that people train.

use wengert::{DType, Param, Tensor, Var, check, nn::Layer};

/// The cosines between inputs and ten unit vectors.
struct CosineHead {
    weight: Param,
}

impl Layer for CosineHead {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let w = x.tape().watch(&self.weight);
        let unit = |v: Var<'t>| v / v.norm_axes(&[1], true);
        unit(x).matmul(unit(w).transpose(0, 1))
    }
    fn params(&self) -> Vec<Param> {
        vec![self.weight.clone()]
    }
}

#[test]
fn a_cosine_head_of_512_features_passes() {
    let weight = Tensor::from_fn([10, 512], DType::F32, |i| ((i as f64 + 1.0) * 0.731).sin());
    let layer = CosineHead { weight: Param::new("weight", weight) };
    let report = check::check_layer(&layer, &[[512]]).unwrap();
    assert!(report.passed(), "{report}");
    let input = Tensor::from_fn([4, 512], DType::F64, |i| ((i as f64 + 1.0) * 0.517).sin());
    let head = check::closure(
        |x| (x[0] / x[0].norm_axes(&[1], true)).matmul((x[1] / x[1].norm_axes(&[1], true)).transpose(0, 1)),
        &[input, layer.weight.value()],
    );
    let report = head.named("cosine head, 4 observations").observation_axis(0).run().unwrap();
    assert!(report.passed(), "{report}");
    println!("{report}");
}
