//! Losses and networks of the user's own, through the same loop: a focal loss, a margin head that needs the labels, two
//! inputs, two heads, a regression.

use wengert::{
    DType, Error, Param, Result, Tensor, Var, check,
    nn::{Init, Lambda, Layer, Linear, Relu, Sequential, Tanh},
    optim::{Adam, Decay, Group, Sgd},
    train::{Batch, Trainer, infer, mean_squared_error, predict, share_correct},
};

/// Points in the plane in three classes by their angle.
fn points() -> (Tensor, Vec<usize>) {
    let angle = |i: usize| (i as f64 * 2.399_963).rem_euclid(std::f64::consts::TAU);
    let at = |i: usize| if i.is_multiple_of(2) { angle(i / 2).cos() } else { angle(i / 2).sin() };
    let labels = (0..96).map(|i| (angle(i) / std::f64::consts::TAU * 3.0) as usize).collect();
    (Tensor::from_fn([96, 2], DType::F32, at), labels)
}

/// Focal loss of Lin et al. (arXiv 1708.02002): the mean of −(1 − p)^γ ln p, with γ = 2 and p the probability of the
/// label.
fn focal<'t>(y: &[Var<'t>], batch: &Batch) -> Result<Var<'t>> {
    let log_p = -y[0].log_softmax(1);
    let picked = Tensor::from_fn(y[0].shape(), y[0].dtype(), |i| f64::from(batch.labels[i / 3] == i % 3));
    let ce = (log_p * y[0].tape().constant(picked)).sum_axes(&[1], false);
    Ok(((1.0 - (-ce).exp()).square() * ce).mean())
}

#[test]
fn a_focal_loss_is_trained_and_its_gradient_passes_the_check() {
    let (x, labels) = points();
    let net = Sequential::new().then(Linear::new(2, 16, 1)).then(Relu).then(Linear::new(16, 3, 2));
    let mut adam = Adam::new(&net.params(), 0.02).unwrap();
    let trainer = Trainer::new(&net, &mut adam).loss(focal).metric("accuracy", share_correct).epochs(150);
    let history = trainer.fit(&mut (1, |_| std::iter::once((x.clone(), labels.clone())))).unwrap();
    assert!(history.losses[149] < 0.1 * history.losses[0], "{} to {}", history.losses[0], history.losses[149]);
    assert!(history.metric("accuracy")[149] > 0.95);
    assert!(history.metric("focus").is_empty());

    let batch = Batch { labels: vec![0, 2, 1, 1], ..Batch::default() };
    let logits = Tensor::from_fn([4, 3], DType::F64, |i| (i as f64).sin());
    let report = check::gradcheck(move |x| focal(x, &batch).unwrap(), &[logits]).unwrap();
    assert!(report.passed(), "{report}");
}

/// The cosines between observations and class centers.
struct CosineHead {
    weight: Param,
}

impl Layer for CosineHead {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        let centers = x.tape().watch(&self.weight).l2_normalize(1, 1e-12);
        x.l2_normalize(1, 1e-12).matmul(centers.transpose(0, 1))
    }
    fn params(&self) -> Vec<Param> {
        vec![self.weight.clone()]
    }
}

#[test]
fn a_margin_that_needs_the_labels_is_part_of_the_loss() {
    let (x, labels) = points();
    let head = CosineHead { weight: Param::new("weight", Init::Lecun.draw([3, 4], 3)) };
    let net = Sequential::new().named("embed", Linear::new(2, 4, 1)).named("head", head);
    let report = check::layer(&net, &[[2]]).run().unwrap();
    assert!(report.passed(), "{report}");
    // cos(θ + m) = cos θ cos m − sin θ sin m on the label's class.
    let mut adam = Adam::new(&net.params(), 0.05).unwrap();
    let history = Trainer::new(&net, &mut adam)
        .loss(|y, batch| {
            let (s, m) = (8.0, 0.3f64);
            let own = Tensor::from_fn(y[0].shape(), y[0].dtype(), |i| f64::from(batch.labels[i / 3] == i % 3));
            let own = y[0].tape().constant(own);
            let moved = y[0] * m.cos() - (1.0 - y[0].square()).max(1e-6).sqrt() * m.sin();
            (own.select(moved, y[0]) * s).try_cross_entropy(&batch.labels)
        })
        .metric("accuracy", share_correct)
        .epochs(120)
        .fit(&mut (1, |_| std::iter::once((x.clone(), labels.clone()))))
        .unwrap();
    assert!(history.metric("accuracy")[119] > 0.9, "{:?}", history.metric("accuracy").last());
}

/// The squared distance of two inputs in a learned space.
struct Siamese {
    embed: Sequential,
}

impl Layer for Siamese {
    fn forward_all<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        let [a, b] = [x[0], x[1]].map(|x| self.embed.forward(x));
        vec![(a - b).square().sum_axes(&[1], false)]
    }
    fn children(&self) -> Vec<(&str, &dyn Layer)> {
        vec![("embed", &self.embed)]
    }
}

#[test]
fn a_network_of_two_inputs_is_trained_and_checked() {
    let (x, labels) = points();
    let other = Tensor::from_fn([96, 2], DType::F32, |i| x.at(&[(i / 2 * 7 + 1) % 96, i % 2]));
    let same = Tensor::from_fn([96], DType::F32, |i| f64::from(labels[i] == labels[(i * 7 + 1) % 96]));
    let net = Siamese { embed: Sequential::new().then(Linear::new(2, 16, 1)).then(Tanh).then(Linear::new(16, 2, 2)) };
    let report = check::layer_with_inputs(&net, &[[2], [2]]).run().unwrap();
    assert!(report.passed(), "{report}");
    let names: Vec<String> = net.params().iter().map(|p| p.name().to_owned()).collect();
    assert_eq!(names, ["embed.0.weight", "embed.0.bias", "embed.2.weight", "embed.2.bias"]);

    // Contrastive loss of Hadsell et al. (2006): d² for a pair of one class, max(1 − d², 0) for another.
    let mut adam = Adam::new(&net.params(), 0.02).unwrap();
    let history = Trainer::new(&net, &mut adam)
        .loss(|d, batch| {
            let same = d[0].tape().constant(&batch.targets[0]);
            Ok((same * d[0] + (1.0 - same) * (1.0 - d[0]).relu()).mean())
        })
        .epochs(200)
        .fit(&mut (1, |_| std::iter::once(([x.clone(), other.clone()], same.clone()))))
        .unwrap();
    assert!(history.losses[199] < 0.25 * history.losses[0], "{} to {}", history.losses[0], history.losses[199]);
    assert!(history.metrics.is_empty());
}

/// One body, a class and a radius.
struct TwoHeads {
    body: Linear,
    class: Linear,
    radius: Linear,
}

impl Layer for TwoHeads {
    fn forward_all<'t>(&self, x: &[Var<'t>]) -> Vec<Var<'t>> {
        let hidden = self.body.forward(x[0]).tanh();
        vec![self.class.forward(hidden), self.radius.forward(hidden)]
    }
    fn children(&self) -> Vec<(&str, &dyn Layer)> {
        vec![("body", &self.body), ("class", &self.class), ("radius", &self.radius)]
    }
}

#[test]
fn a_network_of_two_heads_has_one_loss() {
    let (x, labels) = points();
    let net = TwoHeads { body: Linear::new(2, 16, 0), class: Linear::new(16, 3, 1), radius: Linear::new(16, 1, 2) };
    let report = check::layer(&net, &[[2]]).run().unwrap();
    assert!(report.passed(), "{report}");
    let radius = Tensor::from_fn([96, 1], DType::F32, |i| x.at(&[i, 0]) * 2.0);
    let batch = Batch { inputs: vec![x], labels, targets: vec![radius] };
    let mut adam = Adam::new(&net.params(), 0.02).unwrap();
    let history = Trainer::new(&net, &mut adam)
        .loss(|y, batch| {
            let target = y[1].tape().constant(&batch.targets[0]);
            Ok(y[0].try_cross_entropy(&batch.labels)? + y[1].try_mse_loss(target)?)
        })
        .metric("accuracy", |y, batch| share_correct(&y[..1], batch))
        .epochs(150)
        .fit(&mut (1, |_| std::iter::once(batch.clone())))
        .unwrap();
    assert!(history.losses[149] < 0.2 * history.losses[0]);
    assert!(history.metric("accuracy")[149] > 0.95);
}

#[test]
fn outputs_are_inferred_in_batches() {
    let (x, _) = points();
    let net = TwoHeads { body: Linear::new(2, 4, 0), class: Linear::new(4, 3, 1), radius: Linear::new(4, 1, 2) };
    let one = [x.clone()];
    let (whole, parts) = (infer(&net, &one, 96).unwrap(), infer(&net, &one, 7).unwrap());
    assert_eq!((whole[0].shape().dims(), whole[1].shape().dims()), (&[96, 3][..], &[96, 1][..]));
    assert_eq!((whole[1].dtype(), &whole), (DType::F32, &parts));
    assert_eq!(predict(&net, &one[0], 10).unwrap().len(), 96, "the classes of the first output");
    let error = |inputs: &[Tensor], batch| infer(&Linear::new(2, 1, 0), inputs, batch).unwrap_err().to_string();
    assert_eq!(error(&one, 0), "infer: batch = 0, but it must be at least 1");
    let two = [x, Tensor::zeros([5, 2], DType::F32)];
    let expected = "infer: observations of the inputs = [96, 5], but it must be the same number for each";
    assert_eq!(error(&two, 8), expected);
    assert_eq!(error(&[], 8), "infer: the tensor of images is empty: it takes at least one image");
    let sum = Lambda(|x| x.sum());
    let error = infer(&sum, &one, 8).unwrap_err().to_string();
    assert_eq!(error, "the network's output: a row for each of 8 observations is needed, but got []");
}

#[test]
fn groups_of_parameters_have_their_own_learning_rate_and_decay() {
    let step = |group: Option<Group>| {
        let net = Sequential::new().named("a", Linear::new(1, 1, 0)).named("b", Linear::new(1, 1, 1));
        let mut sgd = Sgd::new(&net.params(), 0.1).unwrap().decay(Decay::Everything(0.5)).unwrap();
        if let Some(group) = group {
            sgd = sgd.group(&[net.param("a.weight").unwrap()], group).unwrap();
        }
        let before: Vec<f64> = net.params().iter().map(|p| p.value().item()).collect();
        let (x, y) = (Tensor::from([[2.0]]), Tensor::from([[1.0]]));
        let trainer = Trainer::new(&net, &mut sgd).loss(mean_squared_error);
        trainer.fit(&mut (1, |_| std::iter::once((x.clone(), y.clone())))).unwrap();
        let moved: Vec<f64> = net.params().iter().zip(&before).map(|(p, before)| p.value().item() - before).collect();
        (moved, before)
    };
    let (plain, before) = step(None);
    let (slow, _) = step(Some(Group { learning_rate: 0.25, ..Group::default() }));
    assert!((slow[0] - 0.25 * plain[0]).abs() < 1e-6, "{} and {}", slow[0], plain[0]);
    assert_eq!(slow[1..], plain[1..]);
    let (free, _) = step(Some(Group { decay: 0.0, ..Group::default() }));
    assert!((free[0] - (plain[0] + 0.1 * 0.5 * before[0])).abs() < 1e-6);
    let (still, _) = step(Some(Group { learning_rate: 0.0, decay: 1.0 }));
    assert_eq!(still[0], 0.0);

    let (net, other) = (Linear::new(1, 1, 0), Linear::new(1, 1, 0));
    let sgd = || Sgd::new(&net.params(), 0.1).unwrap();
    let error = sgd().group(&other.params(), Group::default()).unwrap_err().to_string();
    assert_eq!(error, "there is no parameter of the optimizer `weight`: the names are weight, bias");
    let error = sgd().group(&net.params(), Group { decay: -1.0, ..Group::default() }).unwrap_err().to_string();
    assert_eq!(error, "sgd: factor of the decay = -1, but it must be finite and not negative");
}

#[test]
fn losses_that_do_not_fit_are_reported() {
    let net = Linear::new(2, 3, 0);
    let error = |loss: for<'t> fn(&[Var<'t>], &Batch) -> Result<Var<'t>>, batch: Batch| {
        let mut sgd = Sgd::new(&net.params(), 0.1).unwrap();
        let trainer = Trainer::new(&net, &mut sgd).loss(loss);
        trainer.fit(&mut (1, |_| std::iter::once(batch.clone()))).unwrap_err().to_string()
    };
    let x = Tensor::zeros([2, 2], DType::F32);
    let whole = Batch::from((x.clone(), vec![0, 1]));
    let message = error(|y, _| Ok(y[0]), whole.clone());
    assert!(message.contains("[2, 3]"), "{message}");
    let message = error(mean_squared_error, whole);
    let expected =
        "the list of targets of the batch is empty: the mean squared error compares the output with the first of them";
    assert_eq!(message, expected);
    let message = error(mean_squared_error, Batch::default());
    assert_eq!(message, "a batch is empty: a batch needs at least one observation");

    let two = TwoHeads { body: Linear::new(2, 4, 0), class: Linear::new(4, 3, 1), radius: Linear::new(4, 1, 2) };
    let mut sgd = Sgd::new(&two.params(), 0.1).unwrap();
    let result = Trainer::new(&two, &mut sgd).fit(&mut (1, |_| std::iter::once((x.clone(), vec![0, 1]))));
    let error: Error = result.unwrap_err();
    assert_eq!(error.to_string(), "the network: outputs = 2, but it must be one, for this loss or metric");
}

/// A layer that forgets one of its parameters in `params`.
struct Forgetful(Linear, Param);

impl Layer for Forgetful {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.0.forward(x) * x.tape().watch(&self.1)
    }
    fn children(&self) -> Vec<(&str, &dyn Layer)> {
        vec![("fc", &self.0)]
    }
}

#[test]
fn a_parameter_in_use_that_is_not_listed_stops_the_first_step() {
    let scale = Param::new("scale", Tensor::from([2.0f32]));
    let line = line!() - 10;
    let net = Sequential::new().named("head", Forgetful(Linear::new(2, 3, 0), scale.clone()));
    let run = || {
        let mut sgd = Sgd::new(&net.params(), 0.1).unwrap();
        Trainer::new(&net, &mut sgd).fit(&mut (1, |_| std::iter::once((Tensor::zeros([2, 2], DType::F32), vec![0, 1]))))
    };
    let expected = format!(
        "the network: params = without `head.scale`, which the forward pass uses at tests/train/any_loss.rs:{line}:38, \
         but it must be all that is to be trained: return it from `Layer::params`, or call `set_trainable(false)` on it"
    );
    assert_eq!(run().unwrap_err().to_string(), expected);
    scale.set_trainable(false);
    run().unwrap();
}
