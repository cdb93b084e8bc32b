//! What would keep a network from learning, found before training: each finding in a network that has it, and not in one
//! that has not; a program that stuck at the share of its largest class; a healthy network; every message.

#[allow(dead_code, reason = "shared with the tutorial")]
#[path = "../tutorials/03_elu_digits/elu.rs"]
mod elu;
#[allow(dead_code, reason = "shared with the tutorial")]
#[path = "../tutorials/03_elu_digits/net.rs"]
mod net;

use wengert::data::{Batches, Shuffle, digits, textures};
use wengert::nn::{BatchNorm, Conv2d, Dropout, Init, Lambda, Layer, Linear, Relu, Sequential, Tanh};
use wengert::optim::{Adam, Decay, Optimizer, Sgd};
use wengert::train::{Batch, Budget, Diagnosis, Finding, Source, Trainer, mean_squared_error};
use wengert::{DType, Mode, Tensor, Var};

/// 12 observations of 6 numbers in three classes that a linear layer can tell apart.
fn points() -> Batch {
    let number = |i: usize| f64::from(u8::from(i % 6 / 2 == i / 6 % 3)) + (i as f64 * 7.3).sin() / 4.0;
    Batch::from((Tensor::from_fn([12, 6], DType::F32, number), (0..12).map(|i| i % 3).collect::<Vec<_>>()))
}

/// The diagnosis of a network on these points, with 200 steps of gradient descent before it.
fn diagnose(net: &dyn Layer) -> Diagnosis {
    let mut sgd = Sgd::new(&net.params(), 0.1).unwrap().momentum(0.9).unwrap();
    Trainer::new(net, &mut sgd).epochs(200).diagnose(&mut vec![points()]).unwrap()
}

/// The names of the variants.
fn kinds(diagnosis: &Diagnosis) -> Vec<&'static str> {
    let kind = |finding: &Finding| match finding {
        Finding::InitialLoss { .. } => "initial loss",
        Finding::LogitBudget(_) => "budget",
        Finding::ConstantOutput { .. } => "constant",
        Finding::Coupled { .. } => "coupled",
        Finding::DeadUnits { .. } => "dead",
        Finding::NoGradient { .. } => "no gradient",
        Finding::NotOverfit { .. } => "not overfit",
        _ => "another",
    };
    diagnosis.findings.iter().map(kind).collect()
}

/// A network of two layers around an activation.
fn around(activation: impl Layer + Send + Sync + 'static) -> Sequential {
    Sequential::new().named("fc1", Linear::new(6, 16, 1)).named("act", activation).named("fc2", Linear::new(16, 3, 2))
}

// --- A program that sticks ---

/// Bilinear pooling as in a program that never got past the share of its largest class. `whole_product` sums the outer
/// products over the batch, too; `whole_norm` divides by the norm of the batch.
fn bilinear(whole_product: bool, whole_norm: bool) -> Sequential {
    let product = Lambda(move |x: Var<'_>| {
        if !whole_product {
            return x.bilinear_pool();
        }
        let (dims, tape) = (x.shape(), x.tape());
        let (n, channels, positions) = (dims[0], dims[1], dims[2] * dims[3]);
        let all = x.permute(&[0, 2, 3, 1]).reshape([n * positions, channels]);
        let sum = all.permute(&[1, 0]).matmul(all) / positions as f64;
        sum.reshape([1, channels, channels]) + tape.constant(Tensor::zeros([n, 1, 1], x.dtype()))
    });
    let normalize = Lambda(move |x: Var<'_>| {
        let flat = x.reshape([x.shape()[0], x.shape()[1] * x.shape()[2]]);
        if whole_norm { flat / flat.square().sum().sqrt() } else { flat.l2_normalize(1, 1e-12) }
    });
    let net = Sequential::new()
        .named("conv", Conv2d::new(1, 8, 5, 3))
        .named("relu", Relu)
        .named("bilinear", product)
        .named("root", Lambda(|x| x.signed_sqrt()))
        .named("normalize", normalize)
        .named("fc", Linear::new(64, 7, 4));
    net.freeze("conv").unwrap();
    net
}

/// Its run: 10 epochs of 49 batches of 16 images in seven classes, plain gradient descent.
fn diagnose_bilinear(net: &Sequential, learning_rate: f64) -> Diagnosis {
    let set = textures::generate(1600, 32, 0).unwrap();
    let seven: Vec<usize> = (0..set.len()).filter(|&i| set.label(i) < 7).take(49 * 16).collect();
    let seven = set.subset(&seven).unwrap().with_names(&textures::NAMES[..7]).unwrap();
    let mut batches = Batches::new(seven, 16).unwrap().shuffle(Shuffle::EveryEpoch, 0);
    let mut sgd = Sgd::new(&net.params(), learning_rate).unwrap();
    Trainer::new(net, &mut sgd).epochs(10).diagnose(&mut batches).unwrap()
}

#[test]
fn the_program_that_stuck_is_flagged_with_its_causes() {
    let diagnosis = diagnose_bilinear(&bilinear(true, true), 1e-3);
    println!("{diagnosis}");
    assert_eq!(kinds(&diagnosis), ["coupled", "budget", "constant", "not overfit"]);
    assert!(matches!(&diagnosis.findings[0], Finding::Coupled { layer, mode: Mode::Eval, .. } if layer == "bilinear"));
    let budget = diagnosis.budget.unwrap();
    assert_eq!((budget.steps, &*budget.weight), (490, "fc.weight"));
    // A norm of 1 for 16 equal rows leaves each 1/4: 0.001 · 490 / 16.
    assert!((budget.squared_norm - 1.0 / 16.0).abs() < 1e-6, "{budget:?}");
    assert!((budget.reach - 0.030625).abs() < 1e-4, "{budget:?}");
}

#[test]
fn each_cause_alone_is_flagged_and_the_mended_program_is_not() {
    let product = diagnose_bilinear(&bilinear(true, false), 1.0);
    assert_eq!(kinds(&product), ["coupled", "constant", "not overfit"], "{product}");
    let norm = diagnose_bilinear(&bilinear(false, true), 1e-3);
    assert!(matches!(&norm.findings[0], Finding::Coupled { layer, .. } if layer == "normalize"), "{norm}");
    assert_eq!(kinds(&norm)[..2], ["coupled", "budget"], "{norm}");
    assert!(!kinds(&norm).contains(&"constant"), "{norm}");
    let rate = diagnose_bilinear(&bilinear(false, false), 1e-3);
    assert_eq!(kinds(&rate)[0], "budget", "{rate}");
    assert!((rate.budget.unwrap().reach - 0.49).abs() < 1e-3);
    let mended = diagnose_bilinear(&bilinear(false, false), 10.0);
    assert_eq!(kinds(&mended), [""; 0], "{mended}");
}

// --- A healthy network ---

#[test]
fn a_healthy_network_has_no_finding_and_is_left_as_it_was() {
    let train = digits(0).train;
    let (net, _) = net::build(&train, 0, DType::F32).unwrap();
    let mut batches = Batches::new(train, 128).unwrap();
    let mut sgd = Sgd::new(&net.params(), 0.01).unwrap().momentum(0.9).unwrap().decay(Decay::Weights(1e-4)).unwrap();
    // Two steps first, so that neither velocities nor running statistics are those of the beginning.
    let first = batches.epoch(0).next().unwrap();
    let twice = vec![Batch::from((first.tensor(), first.labels)); 2];
    sgd.set_learning_rate(1e-4).unwrap();
    Trainer::new(&net, &mut sgd).fit(&mut { twice }).unwrap();
    sgd.set_learning_rate(0.01).unwrap();
    let numbers = |net: &Sequential| net.tensors().iter().map(|p| p.value()).collect::<Vec<_>>();
    let (before, state) = (numbers(&net), sgd.state());
    let mut trainer = Trainer::new(&net, &mut sgd).epochs(30);
    let diagnosis = trainer.diagnose(&mut batches).unwrap();
    assert_eq!(diagnosis, trainer.diagnose(&mut batches).unwrap());
    drop(trainer);
    println!("{diagnosis}");
    assert_eq!(kinds(&diagnosis), [""; 0], "{diagnosis}");
    assert!(diagnosis.to_string().ends_with(".\nNothing was found that would keep the network from learning."));
    assert_eq!((numbers(&net), sgd.state(), sgd.learning_rate()), (before, state, 0.01));
}

// --- Each finding ---

#[test]
fn a_first_loss_far_from_that_of_a_guess_is_found() {
    assert_eq!(kinds(&diagnose(&Linear::new(6, 3, 0))), [""; 0]);
    let towards = |scale: f32| {
        let net = Linear::new(6, 3, 0);
        let weight: Vec<f32> = (0..18).map(|i| if i % 6 / 2 == i / 6 { scale } else { 0.0 }).collect();
        net.weight.set(&Tensor::from_vec(weight, [3, 6]).unwrap()).unwrap();
        diagnose(&net)
    };
    let sure = towards(-5.0);
    assert!(matches!(sure.findings[0], Finding::InitialLoss { loss, classes: 3 } if loss > 2.2), "{sure}");
    // The label is among the inputs, and the weights look there alone.
    let knows = towards(5.0);
    assert!(matches!(knows.findings[0], Finding::InitialLoss { loss, .. } if loss < 0.5), "{knows}");
    // Another loss than cross-entropy has no such value.
    let net = Linear::new(6, 3, 0);
    let mut sgd = Sgd::new(&net.params(), 0.1).unwrap();
    let batch = Batch { targets: vec![Tensor::ones([12, 3], DType::F32)], ..points() };
    let other = Trainer::new(&net, &mut sgd).loss(mean_squared_error).diagnose(&mut vec![batch]).unwrap();
    assert_eq!((other.classes, other.budget), (None, None));
}

#[test]
fn the_budget_is_that_of_the_optimizer() {
    let net = Linear::new(6, 3, 0);
    let batch = points();
    let rows = batch.inputs[0].to_vec();
    let row = rows.chunks(6).max_by(|a, b| square(a).total_cmp(&square(b))).unwrap();
    let budget = |optimizer: &mut dyn Optimizer| -> Budget {
        let mut source = (7, |_| std::iter::repeat_n(points(), 7));
        Trainer::new(&net, optimizer).epochs(10).diagnose(&mut source).unwrap().budget.unwrap()
    };
    let near = |a: f64, b: f64| assert!((a - b).abs() < 0.01 * b, "{a} and {b}");
    let sgd = || Sgd::new(&net.params(), 1e-3).unwrap();
    let plain = budget(&mut sgd());
    near(plain.squared_norm, square(row));
    near(plain.reach, 1e-3 * 70.0 * square(row));
    near(plain.learning_rates, 0.07);
    assert!((plain.needed - 18.0_f64.ln()).abs() < 1e-12 && plain.is_short());
    // Momentum 0.9 multiplies the steps by ten; each step of Adam is the learning rate, whatever the gradient.
    let momentum = 10.0 * plain.reach;
    assert!((budget(&mut sgd().momentum(0.9).unwrap()).reach - momentum).abs() < 0.03 * momentum);
    let absolute: f64 = row.iter().map(|x| x.abs()).sum();
    near(budget(&mut Adam::new(&net.params(), 1e-3).unwrap()).reach, 1e-3 * 70.0 * absolute);
    assert_eq!(budget(&mut Sgd::new(&net.params(), 0.0).unwrap()).reach, 0.0);
}

fn square(row: &[f64]) -> f64 {
    row.iter().map(|x| x * x).sum()
}

#[test]
fn a_constant_output_is_found_and_a_first_weight_of_zero_is_none() {
    let zero =
        Sequential::new().then(Linear::new(6, 8, 0)).then(Tanh).then(Linear::with_init(8, 3, Init::Constant(0.0), 0));
    assert_eq!(kinds(&diagnose(&zero)), [""; 0], "{}", diagnose(&zero));
    let cut = diagnose(&around(Lambda(|x| x * 0.0)));
    assert!(cut.findings.contains(&Finding::ConstantOutput { output: 0, observations: 12 }), "{cut}");
}

/// Subtracts the mean over the batch, in training alone.
struct Center {
    declared: bool,
}

impl Layer for Center {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        if x.tape().mode() == Mode::Train { x - x.mean_axes(&[0], true) } else { x }
    }
    fn couples_observations(&self) -> bool {
        self.declared
    }
}

#[test]
fn coupled_observations_are_found_unless_that_is_declared() {
    for net in
        [around(Tanh), around(BatchNorm::new(16)), around(Center { declared: true }), around(Dropout::new(0.2, 0))]
    {
        assert!(!kinds(&diagnose(&net)).contains(&"coupled"), "{}", diagnose(&net));
    }
    let undeclared = diagnose(&around(Center { declared: false }));
    let coupled = &undeclared.findings[0];
    assert!(matches!(coupled, Finding::Coupled { layer, mode: Mode::Train, .. } if layer == "act"), "{undeclared}");
    // The order of a sum over the batch does not matter, so the others must be other observations, not another order.
    let sum = diagnose(&around(Lambda(|x| x + x.sum_axes(&[0], true))));
    let found =
        |finding: &Finding| matches!(finding, Finding::Coupled { layer, mode: Mode::Eval, .. } if layer == "act");
    assert!(sum.findings.iter().any(found), "{sum}");
}

#[test]
fn dead_units_are_found_where_nothing_revives_them() {
    assert_eq!(kinds(&diagnose(&around(Relu))), [""; 0]);
    let net = around(Relu);
    let bias = net.param("fc1.bias").unwrap();
    bias.set(&Tensor::from_fn([16], DType::F32, |i| if i < 5 { -100.0 } else { 0.1 })).unwrap();
    let some = diagnose(&net);
    assert!(
        matches!(&some.findings[..], [Finding::DeadUnits { layer, op, dead: 5, units: 16, .. }] if layer == "act" && op == "relu"),
        "{some}"
    );
    bias.set(&Tensor::full([16], -100.0, DType::F32)).unwrap();
    let all = diagnose(&net);
    assert_eq!(
        kinds(&all),
        ["dead", "budget", "constant", "no gradient", "no gradient", "no gradient", "not overfit"],
        "{all}"
    );
    // A channel is a unit, and a scale that starts at 0 is learned.
    let scale = wengert::Param::new("scale", Tensor::zeros([16], DType::F32));
    let scaled = diagnose(&around(Scale(scale)));
    assert_eq!(kinds(&scaled), [""; 0], "{scaled}");
}

/// tanh x + s · x, with s = 0 at first.
struct Scale(wengert::Param);

impl Layer for Scale {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        x.tanh() + x * x.tape().watch(&self.0)
    }
    fn params(&self) -> Vec<wengert::Param> {
        vec![self.0.clone()]
    }
}

/// A layer with a second one that it never uses.
struct Unused {
    used: Sequential,
    spare: Linear,
}

impl Layer for Unused {
    fn forward<'t>(&self, x: Var<'t>) -> Var<'t> {
        self.used.forward(x)
    }
    fn children(&self) -> Vec<(&str, &dyn Layer)> {
        vec![("used", &self.used), ("spare", &self.spare)]
    }
}

#[test]
fn parameters_that_no_gradient_reaches_are_found() {
    let named = |net: &dyn Layer| -> Vec<String> {
        let diagnosis = diagnose(net);
        let name = |finding: &Finding| match finding {
            Finding::NoGradient { param, .. } => Some(param.clone()),
            _ => None,
        };
        diagnosis.findings.iter().filter_map(name).collect()
    };
    assert_eq!(named(&around(Tanh)), [""; 0]);
    assert_eq!(named(&around(Lambda(|x| x.detach()))), ["fc1.weight", "fc1.bias"]);
    assert_eq!(named(&around(Lambda(|x| x.sign()))), ["fc1.weight", "fc1.bias"]);
    let net = Unused { used: around(Tanh), spare: Linear::new(2, 2, 0) };
    assert_eq!(named(&net), ["spare.weight", "spare.bias"]);
    net.freeze("spare").unwrap();
    assert_eq!(named(&net), [""; 0]);
}

#[test]
fn a_batch_that_cannot_be_learned_is_found() {
    let net = around(Tanh);
    let mut sgd = Sgd::new(&net.params(), 0.1).unwrap();
    let mut of = |batch: Batch| Trainer::new(&net, &mut sgd).epochs(200).diagnose(&mut vec![batch]).unwrap();
    assert_eq!(kinds(&of(points())), [""; 0]);
    // Equal inputs with different labels.
    let twice = Tensor::from_vec(points().inputs[0].to_vec()[..36].repeat(2), [12, 6]).unwrap();
    let labels: Vec<usize> = (0..12).map(|i| (i + i / 6) % 3).collect();
    let conflicting = of(Batch::from((twice.cast(DType::F32), labels)));
    assert_eq!(kinds(&conflicting), ["not overfit"], "{conflicting}");
    let overfit = conflicting.overfit.unwrap();
    // Two labels for each input: ln 2 at best.
    assert!((overfit.after - 2.0_f64.ln()).abs() < 0.01, "{overfit:?}");
}

// --- Messages ---

#[test]
fn each_finding_is_a_whole_sentence_with_its_numbers() {
    let text = |finding: Finding| finding.to_string();
    assert_eq!(
        text(Finding::InitialLoss { loss: 9.0, classes: 10 }),
        "The first loss is 9.0000, but that of a classifier that knows nothing is ln 10 = 2.3026. Its first guesses are far \
         too sure: draw the weights of the last layer smaller, or normalize what enters it."
    );
    assert_eq!(
        text(Finding::InitialLoss { loss: 0.25, classes: 2 }),
        "The first loss is 0.2500, but that of a classifier that knows nothing is ln 2 = 0.6931. It knows the labels already: \
         unless the weights are trained, look for the label among the inputs, and for a batch of one class."
    );
    assert_eq!(
        text(Finding::ConstantOutput { output: 0, observations: 16 }),
        "Output 0 is the same for all 16 observations, and stays so in training: the network can only learn how frequent the \
         classes are. Look for a sum or mean over the batch, for dead units, and for a product with 0."
    );
    assert_eq!(
        text(Finding::Coupled { layer: "norm".into(), mode: Mode::Eval, observation: 3, change: 0.125 }),
        "In evaluation, the output for an observation depends on the others of its batch: that of observation 3 differs by \
         12.50 % among copies of itself. It begins in layer `norm`. Reduce and normalize over the axes of each observation \
         alone; if it is meant, declare it in `Layer::couples_observations`."
    );
    assert_eq!(
        text(Finding::NoGradient { param: "fc.bias".into(), why: None }),
        "No gradient reaches `fc.bias`: it is exactly 0 in every trial step. Look for dead units, a product with 0 and a step \
         function between it and the loss."
    );
    let net = Linear::new(6, 3, 0);
    let mut sgd = Sgd::new(&net.params(), 0.0).unwrap();
    let still = Trainer::new(&net, &mut sgd).diagnose(&mut vec![points()]).unwrap();
    assert!(
        still
            .to_string()
            .contains("\nOne finding:\n- The whole run cannot move a logit at all: the learning rate is 0."),
        "{still}"
    );
}

#[test]
fn what_cannot_be_diagnosed_is_an_error() {
    let net = Linear::new(6, 3, 0);
    let refused = |source: &mut dyn Source<'_>| {
        let mut sgd = Sgd::new(&net.params(), 0.1).unwrap();
        Trainer::new(&net, &mut sgd).diagnose(source).unwrap_err().to_string()
    };
    assert_eq!(refused(&mut Vec::<Batch>::new()), "the first epoch is empty: a diagnosis needs a batch");
    let none = Batch::from((Tensor::zeros([0, 6], DType::F32), Vec::<usize>::new()));
    assert_eq!(refused(&mut vec![none]), "a batch is empty: a batch needs at least one observation");
    let nan = Batch::from((Tensor::full([2, 6], f64::NAN, DType::F32), vec![0, 1]));
    let said = refused(&mut vec![nan]);
    assert!(
        said.starts_with("the loss before training holds NaN at index 0; every number must be finite; first, "),
        "{said}"
    );
    let wrong = Batch::from((Tensor::zeros([2, 6], DType::F32), vec![0, 3]));
    assert!(refused(&mut vec![wrong]).contains("label 3 of observation 1 is out of range for 3 classes"));
    // A single observation depends on no other, and is like no other.
    let one = Batch::from((Tensor::ones([1, 6], DType::F32), vec![2]));
    let mut sgd = Sgd::new(&net.params(), 1.0).unwrap();
    let diagnosis = Trainer::new(&net, &mut sgd).epochs(20).diagnose(&mut vec![one]).unwrap();
    assert_eq!(kinds(&diagnosis), [""; 0], "{diagnosis}");
    net.freeze("").unwrap();
    assert!(refused(&mut vec![points()]).contains("is empty"));
}
