//! Every operation against reference values from another system, in double precision: value, first and second order.
//!
//! The folder named by `WENGERT_SHARED` holds `golden/ops.json` (cases: operation, attributes, inputs) and
//! `golden/ops.safetensors` (tensors `CASE/x0 …`, value `y`, upstream gradient `g`, gradients `dx0 …`, directions
//! `v0 …` and `h0 …`, where h_i is the derivative with respect to x_i of the sum over the inputs of ⟨v, dx⟩).
#![cfg(all(feature = "io", feature = "nn"))]

use std::{collections::HashMap, fmt::Write, panic::AssertUnwindSafe, path::Path};

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use wengert::{
    DType, Shape, Tape, Tensor, Var,
    nn::{BilinearPooling, CosineHead, Layer, MarginLoss, MatrixSqrt},
    ops::{ConvSpec, Window},
};

/// The largest difference allowed, relative to the largest reference number of the tensor.
const TOLERANCE: f64 = 1e-9;
/// The same for second derivatives of eigenvalues and singular values, which divide by differences of them.
const SPECTRAL: f64 = 1e-7;

/// An input: numbers on the tape, or indices outside it.
enum Input<'t> {
    Numbers(Var<'t>),
    Indices(Vec<usize>, Shape),
}

/// The inputs and attributes of a case.
struct Call<'a, 't> {
    inputs: &'a [Input<'t>],
    attributes: &'a Value,
}

impl<'t> Call<'_, 't> {
    fn x(&self, k: usize) -> Var<'t> {
        match &self.inputs[k] {
            Input::Numbers(x) => *x,
            Input::Indices(..) => panic!("input {k} holds indices, not numbers"),
        }
    }

    fn indices(&self, k: usize) -> (&[usize], &Shape) {
        match &self.inputs[k] {
            Input::Indices(indices, shape) => (indices, shape),
            Input::Numbers(_) => panic!("input {k} holds numbers, not indices"),
        }
    }

    fn all(&self) -> Vec<Var<'t>> {
        (0..self.inputs.len()).map(|k| self.x(k)).collect()
    }

    fn attribute(&self, name: &str) -> &Value {
        self.attributes.get(name).unwrap_or_else(|| panic!("the case has no attribute `{name}`"))
    }

    fn number(&self, name: &str) -> f64 {
        self.attribute(name).as_f64().unwrap_or_else(|| panic!("`{name}` is not a number"))
    }

    fn size(&self, name: &str) -> usize {
        self.number(name) as usize
    }

    fn axis(&self) -> isize {
        self.number("axis") as isize
    }

    fn flag(&self, name: &str) -> bool {
        self.attribute(name).as_bool().unwrap_or_else(|| panic!("`{name}` is not true or false"))
    }

    fn text(&self, name: &str) -> &str {
        self.attribute(name).as_str().unwrap_or_else(|| panic!("`{name}` is not a text"))
    }

    fn list(&self, name: &str) -> Vec<isize> {
        let list = self.attribute(name).as_array().unwrap_or_else(|| panic!("`{name}` is not a list"));
        list.iter().map(|v| v.as_i64().expect("lists hold whole numbers") as isize).collect()
    }

    fn sizes(&self, name: &str) -> Vec<usize> {
        self.list(name).into_iter().map(|n| n as usize).collect()
    }

    /// Whether the loss is a mean over the observations.
    fn mean(&self) -> bool {
        self.text("reduction") == "mean"
    }

    fn window(&self) -> Window {
        Window::square(self.size("kernel")).stride(self.size("stride")).padding(self.size("padding"))
    }

    fn margin(&self) -> MarginLoss {
        MarginLoss::arcface(self.number("m")).unwrap().scale(self.number("s")).unwrap()
    }

    /// A head for the embeddings, input 0, with the class vectors, input 1, for its parameter.
    fn head(&self) -> CosineHead {
        let (x, w) = (self.x(0), self.x(1));
        let head = CosineHead::new(w.shape()[1], w.shape()[0], 0);
        x.tape().bind(&head.weight, w).expect("the shapes agree");
        head
    }

    /// A function of each symmetrized matrix (A + Aᵀ) / 2.
    fn symmetric(&self) -> Var<'t> {
        (self.x(0) + self.x(0).transpose(-1, -2)) * 0.5
    }
}

/// Runs an operation through the public interface; `None` for one that is not known.
fn run<'t>(op: &str, c: &Call<'_, 't>) -> Option<Var<'t>> {
    let x = || c.x(0);
    Some(match op {
        "add" => x() + c.x(1),
        "sub" => x() - c.x(1),
        "mul" => x() * c.x(1),
        "div" => x() / c.x(1),
        "pow" => x().pow(c.x(1)),
        "powf" => x().pow(c.number("exponent")),
        "maximum" => x().max(c.x(1)),
        "minimum" => x().min(c.x(1)),
        "atan2" => x().atan2(c.x(1)),
        "neg" => -x(),
        "exp" => x().exp(),
        "expm1" => x().exp_m1(),
        "ln" => x().ln(),
        "log1p" => x().ln_1p(),
        "sqrt" => x().sqrt(),
        "rsqrt" => x().rsqrt(),
        "recip" => x().recip(),
        "square" => x().square(),
        "tanh" => x().tanh(),
        "sigmoid" => x().sigmoid(),
        "log_sigmoid" => x().log_sigmoid(),
        "softplus" => x().softplus(),
        "sin" => x().sin(),
        "cos" => x().cos(),
        "tan" => x().tan(),
        "asin" => x().asin(),
        "acos" => x().acos(),
        "atan" => x().atan(),
        "sinh" => x().sinh(),
        "cosh" => x().cosh(),
        "gelu" => x().gelu(),
        "silu" => x().silu(),
        "erf" => x().erf(),
        "abs" => x().abs(),
        "relu" => x().relu(),
        "mish" => x().mish(),
        "selu" => x().selu(),
        "hardswish" => x().hardswish(),
        "elu" => x().elu(c.number("alpha")),
        "celu" => x().celu(c.number("alpha")),
        "leaky_relu" => x().leaky_relu(c.number("slope")),
        "elu_per_channel" => x().relu() + c.x(1).per_channel(x()) * x().min(0.0).exp_m1(),
        "clamp" => x().clamp(c.number("min"), c.number("max")),
        "where" => x().gt(0.0).select(c.x(1), c.x(2)),
        "signed_sqrt" => x().signed_sqrt(),
        _ => return reductions(op, c).or_else(|| movements(op, c)).or_else(|| layers(op, c)).or_else(|| losses(op, c)),
    })
}

fn reductions<'t>(op: &str, c: &Call<'_, 't>) -> Option<Var<'t>> {
    let along = || (c.list("axes"), c.flag("keepdim"));
    let x = c.x(0);
    Some(match op {
        "sum" | "mean" | "amax" | "amin" | "logsumexp" | "norm" | "var" => {
            let (axes, keepdim) = along();
            match op {
                "sum" => x.sum_axes(&axes, keepdim),
                "mean" => x.mean_axes(&axes, keepdim),
                "amax" => x.amax_axes(&axes, keepdim),
                "amin" => x.amin_axes(&axes, keepdim),
                "logsumexp" => x.logsumexp_axes(&axes, keepdim),
                "var" => x.var_axes(&axes, c.size("correction"), keepdim),
                _ => {
                    assert_eq!(c.number("p"), 2.0, "only the Euclidean norm is covered");
                    x.norm_axes(&axes, keepdim)
                }
            }
        }
        "prod" => x.prod_axes(&[c.axis()], false),
        "cumsum" => x.cumsum(c.axis()),
        "softmax" => x.softmax(c.axis()),
        "log_softmax" => x.log_softmax(c.axis()),
        "l2_normalize" => x.l2_normalize(c.axis(), c.number("eps")),
        "cosine_similarity" => x.cosine_similarity(c.x(1), c.axis(), c.number("eps")),
        _ => return None,
    })
}

fn movements<'t>(op: &str, c: &Call<'_, 't>) -> Option<Var<'t>> {
    let x = c.x(0);
    Some(match op {
        "matmul" => x.matmul(c.x(1)),
        "permute" => x.permute(&c.list("axes")),
        "transpose" => {
            let axes = c.list("axes");
            x.transpose(axes[0], axes[1])
        }
        "reshape" => x.reshape(c.sizes("shape")),
        "broadcast_to" => x.broadcast_to(c.sizes("shape")),
        "concat" => Var::concat(&c.all(), c.axis()),
        "stack" => Var::stack(&c.all(), c.size("axis") as isize),
        "slice" => {
            let (start, stop, step) = (c.sizes("start"), c.sizes("stop"), c.sizes("step"));
            (0..start.len()).fold(x, |x, axis| x.slice(axis as isize, start[axis], stop[axis], step[axis]))
        }
        "flip" => x.flip(&c.list("axes")),
        "pad" => {
            let amounts: Vec<_> = c.sizes("before").into_iter().zip(c.sizes("after")).collect();
            x.pad(&amounts, c.number("value"))
        }
        "index_select" => x.index_select(c.axis(), c.indices(1).0),
        "gather" => {
            let (indices, shape) = c.indices(1);
            x.gather(c.axis(), indices, shape)
        }
        "scatter_add" => x.scatter_add(c.axis(), c.indices(1).0, c.x(2)),
        _ => return None,
    })
}

fn layers<'t>(op: &str, c: &Call<'_, 't>) -> Option<Var<'t>> {
    let x = c.x(0);
    let spec = || ConvSpec::default().stride(c.size("stride")).padding(c.size("padding"));
    Some(match op {
        "conv2d" => x.conv2d(c.x(1), Some(c.x(2)), spec().dilation(c.size("dilation")).groups(c.size("groups"))),
        "conv_transpose2d" => x
            .try_conv_transpose2d(c.x(1), Some(c.x(2)), spec(), [c.size("output_padding"); 2])
            .unwrap_or_else(|error| panic!("{error}")),
        "max_pool2d" => x.max_pool2d(c.window()),
        "avg_pool2d" => x.avg_pool2d(c.window(), c.attributes.get("count_include_pad").is_none_or(|v| v == true)),
        "unfold" => x.unfold([c.size("kernel"); 2], spec()),
        "batch_norm" => x.batch_norm(c.x(1), c.x(2), c.number("eps")),
        "layer_norm" => {
            assert_eq!(c.sizes("normalized"), c.x(1).shape().dims(), "gamma has the normalized sizes");
            x.layer_norm(c.x(1), c.x(2), c.number("eps"))
        }
        "group_norm" => x.group_norm(c.size("groups"), c.x(1), c.x(2), c.number("eps")),
        "bilinear_pool" => x.bilinear_pool(),
        _ => return None,
    })
}

fn losses<'t>(op: &str, c: &Call<'_, 't>) -> Option<Var<'t>> {
    let x = c.x(0);
    Some(match op {
        "cross_entropy" if c.mean() => {
            let smoothing = c.attributes.get("label_smoothing").and_then(Value::as_f64).unwrap_or(0.0);
            match smoothing {
                0.0 => x.cross_entropy(c.indices(1).0),
                _ => x.cross_entropy_smoothed(c.indices(1).0, smoothing),
            }
        }
        "nll" => x.log_softmax(1).nll_loss(c.indices(1).0),
        "mse" if c.mean() => x.mse_loss(c.x(1)),
        "euclidean_caffe" => x.euclidean_loss(c.x(1)),
        "smooth_l1" if c.mean() => x.smooth_l1_loss(c.x(1), c.number("beta")),
        "bce_with_logits" if c.mean() => x.bce_with_logits(c.x(1)),
        // The reference gets logits on both sides.
        "kl_div" => x.log_softmax(-1).kl_div(c.x(1).softmax(-1)),
        "dice_linear" => x.dice_loss(c.x(1), c.number("smooth")),
        "dice_squared" => x.dice_loss_squared(c.x(1)),
        "arcface_loss" => x.arcface_loss(c.x(1), c.indices(2).0, c.number("s"), c.number("m")),
        "MarginLoss::loss" => c.margin().loss(c.head().forward(x), c.indices(2).0).unwrap(),
        "MarginLoss::stable_loss" => c.margin().stable_loss(&c.head(), x, c.indices(2).0).unwrap(),
        _ => return matrices(op, c),
    })
}

fn matrices<'t>(op: &str, c: &Call<'_, 't>) -> Option<Var<'t>> {
    let x = c.x(0);
    Some(match op {
        "einsum" => Var::einsum(c.text("equation"), &c.all()),
        "trace" => x.trace(),
        "inverse" => x.inverse(),
        "solve" => x.solve(c.x(1)),
        "det" => x.det(),
        "slogdet" => x.slogdet().1,
        "cholesky" => c.symmetric().cholesky(),
        "eigvalsh" => c.symmetric().eigvalsh(),
        "singular_values" => x.singular_values(),
        "matrix_sqrt_sym" => c.symmetric().symmetric_sqrt(),
        "BilinearPooling" => BilinearPooling::new().epsilon(0.0).unwrap().forward(x),
        _ => return op.parse::<MatrixSqrt>().ok().map(|root| root.forward(c.symmetric())),
    })
}

/// The reference tensors of a folder.
struct Reference<'a>(SafeTensors<'a>);

impl Reference<'_> {
    fn numbers(&self, name: &str) -> Tensor {
        let view = self.0.tensor(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(view.dtype(), Dtype::F64, "{name}");
        let numbers = view.data().chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().expect("eight bytes")));
        Tensor::from_vec(numbers.collect::<Vec<_>>(), view.shape()).expect("the shape fits the numbers")
    }

    /// An input as a leaf, a constant or a list of indices.
    fn input<'t>(&self, tape: &'t Tape, name: &str, leaf: bool) -> Input<'t> {
        let view = self.0.tensor(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        match view.dtype() {
            Dtype::I64 => {
                let bytes = view.data().chunks_exact(8);
                let whole = bytes.map(|b| i64::from_le_bytes(b.try_into().expect("eight bytes")));
                Input::Indices(
                    whole.map(|i| usize::try_from(i).expect("no index is negative")).collect(),
                    view.shape().into(),
                )
            }
            _ if leaf => Input::Numbers(tape.leaf(self.numbers(name))),
            _ => Input::Numbers(tape.constant(self.numbers(name))),
        }
    }
}

/// The difference of two tensors relative to the largest number of `want`; infinite for different shapes or a NaN.
fn difference(got: &Tensor, want: &Tensor) -> f64 {
    if got.shape() != want.shape() {
        return f64::INFINITY;
    }
    let (got, want) = (got.to_vec(), want.to_vec());
    let scale = want.iter().fold(1e-3f64, |m, v| m.max(v.abs()));
    let largest = got.iter().zip(&want).map(|(g, w)| (g - w).abs() / scale);
    largest.fold(0.0, |m, d| if d.is_nan() { f64::INFINITY } else { m.max(d) })
}

/// The derivative of order `order` of `celu` in the reference, without PyTorch's rounding. Its backward rounds α to
/// a = f32(α): for x ≤ 0 the first derivative comes out as exp(x/a) α/a and the second as exp(x/a) α/a², some 1e-8 off
/// exp(x/α) and exp(x/α)/α. Where α needs no rounding, or a reference was made without it, nothing is removed.
fn unrounded(want: &Tensor, x: &Tensor, alpha: f64, order: i32) -> Tensor {
    let rounded = f64::from(alpha as f32);
    let (want, x) = (want.to_vec(), x.to_vec());
    Tensor::from_fn([want.len()], DType::F64, |i| match x[i] > 0.0 {
        true => want[i],
        false => want[i] * (x[i] / alpha - x[i] / rounded).exp() * (rounded / alpha).powi(order),
    })
}

/// The differences of one case: value, first order, second order.
fn compare(reference: &Reference<'_>, case: &Value) -> Result<[f64; 3], String> {
    let text = |key: &str| case[key].as_str().unwrap_or_else(|| panic!("a case has no `{key}`"));
    let (name, op) = (text("name"), text("op"));
    let differentiable: Vec<usize> = case["differentiable"]
        .as_array()
        .map(|list| list.iter().map(|k| k.as_u64().expect("an input") as usize).collect())
        .unwrap_or_default();
    let tape = Tape::f64();
    let count = case["inputs"].as_u64().expect("a case says how many inputs it has") as usize;
    let inputs: Vec<Input<'_>> =
        (0..count).map(|k| reference.input(&tape, &format!("{name}/x{k}"), differentiable.contains(&k))).collect();
    let call = Call { inputs: &inputs, attributes: &case["attrs"] };
    let y = run(op, &call).ok_or_else(|| format!("no operation `{op}`"))?;
    let tensor = |what: String| reference.numbers(&format!("{name}/{what}"));
    let x: Vec<Var<'_>> = differentiable.iter().map(|&k| call.x(k)).collect();

    // The difference from a derivative in the reference.
    let derivative = |got: &Tensor, want: &Tensor, order: i32| {
        let plain = difference(got, want);
        if op != "celu" {
            return plain;
        }
        let want = unrounded(want, &call.x(0).value(), call.number("alpha"), order);
        plain.min(difference(&got.reshape([got.numel()]).expect("a row of all numbers"), &want))
    };
    let value = difference(&y.value(), &tensor("y".into()));
    let g = tensor("g".into());
    let gradients = y.vjp(&g).map_err(|error| error.to_string())?;
    let dx = tape.grad_with(y, &x, tape.constant(&g)).map_err(|error| error.to_string())?;
    let mut first = 0.0f64;
    for (&k, (&x, dx)) in differentiable.iter().zip(x.iter().zip(&dx)) {
        let want = tensor(format!("dx{k}"));
        let got = gradients.wrt(x).map_err(|error| error.to_string())?;
        first = first.max(derivative(got, &want, 1)).max(derivative(&dx.value(), &want, 1));
    }
    let mut second = 0.0f64;
    if case["order2"] == true {
        let directions = differentiable.iter().map(|k| tape.constant(tensor(format!("v{k}"))));
        let slope = dx.iter().zip(directions).map(|(&dx, v)| (dx * v).sum()).reduce(|a, b| a + b);
        let slope = slope.ok_or("nothing to differentiate by")?;
        let gradients = slope.needs_grad().then(|| slope.backward()).transpose().map_err(|error| error.to_string())?;
        for (&k, &x) in differentiable.iter().zip(&x) {
            let zero = Tensor::zeros(x.shape(), DType::F64);
            let got = gradients.as_ref().and_then(|g| g.wrt(x).ok()).unwrap_or(&zero);
            second = second.max(derivative(got, &tensor(format!("h{k}")), 2));
        }
    }
    Ok([value, first, second])
}

/// Calls `f` with the reference and its cases, if there is one.
fn with_reference(f: impl FnOnce(&Reference<'_>, &[Value])) {
    let Ok(folder) = std::env::var("WENGERT_SHARED") else {
        eprintln!("skipped: set WENGERT_SHARED to the folder that holds golden/ops.json and golden/ops.safetensors");
        return;
    };
    let read = |name: &str| {
        let path = Path::new(&folder).join("golden").join(name);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let list: Value = serde_json::from_slice(&read("ops.json")).expect("ops.json is JSON");
    let bytes = read("ops.safetensors");
    let reference = Reference(SafeTensors::deserialize(&bytes).expect("ops.safetensors is a safetensors file"));
    let cases = list["cases"].as_array().expect("ops.json has a list of cases");
    assert!(!cases.is_empty(), "ops.json lists no case");
    f(&reference, cases);
}

/// Both forms of the margin loss have the golden values and gradients of `arcface_loss`, in first and second order.
#[test]
fn golden_arcface_by_both_forms_of_the_margin_loss() {
    with_reference(|reference, cases| {
        let of_arcface: Vec<&Value> = cases.iter().filter(|case| case["op"] == "arcface_loss").collect();
        assert!(!of_arcface.is_empty(), "the reference has no case of arcface_loss");
        for (case, form) in of_arcface.into_iter().flat_map(|case| [(case, "loss"), (case, "stable_loss")]) {
            let mut case = case.clone();
            case["op"] = format!("MarginLoss::{form}").into();
            let differences = compare(reference, &case).unwrap();
            assert!(differences.iter().all(|d| *d <= TOLERANCE), "{} by {form}: {differences:?}", case["name"]);
        }
    });
}

/// The layer of square roots has the golden values and gradients of `matrix_sqrt_sym` by each of its ways, in first and
/// second order, and the layer of bilinear pooling those of `bilinear_pool`.
#[test]
fn golden_square_roots_by_every_way_and_bilinear_pooling_as_a_layer() {
    with_reference(|reference, cases| {
        let ways = ["eigh", "lyapunov", "newton:40", "newton-trace:40"];
        for (op, ways) in [("matrix_sqrt_sym", &ways[..]), ("bilinear_pool", &["BilinearPooling"])] {
            let of_op: Vec<&Value> = cases.iter().filter(|case| case["op"] == op).collect();
            assert!(!of_op.is_empty(), "the reference has no case of {op}");
            for (case, way) in of_op.into_iter().flat_map(|case| ways.iter().map(move |way| (case, way))) {
                let mut case = case.clone();
                case["op"] = (*way).into();
                let differences = compare(reference, &case).unwrap();
                let limits = if *way == "eigh" { [TOLERANCE, SPECTRAL, SPECTRAL] } else { [TOLERANCE; 3] };
                let good = differences.iter().zip(limits).all(|(d, limit)| *d <= limit);
                assert!(good, "{} by {way}: {differences:?}", case["name"]);
            }
        }
    });
}

#[test]
fn golden_values_and_gradients_of_every_operation() {
    with_reference(every_operation);
}

fn every_operation(reference: &Reference<'_>, cases: &[Value]) {
    let (mut table, mut failures) = (String::new(), String::new());
    let mut operations = HashMap::<String, usize>::new();
    for case in cases {
        let (name, op) = (case["name"].as_str().expect("a name"), case["op"].as_str().expect("an operation"));
        *operations.entry(op.to_owned()).or_default() += 1;
        let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| compare(reference, case)));
        let limits = match op {
            "eigvalsh" | "singular_values" => [TOLERANCE, TOLERANCE, SPECTRAL],
            _ => [TOLERANCE; 3],
        };
        let (line, passed) = match outcome {
            Ok(Ok(d)) => (
                format!("{:8.1e} {:8.1e} {:8.1e}", d[0], d[1], d[2]),
                d.iter().zip(limits).all(|(d, limit)| *d <= limit),
            ),
            Ok(Err(why)) => (why, false),
            Err(panic) => (panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic".into()), false),
        };
        let target = if passed { &mut table } else { &mut failures };
        writeln!(target, "{name:24} {line}").expect("a string takes every line");
    }
    println!("case                        value    first   second\n{table}");
    let failed = failures.lines().count();
    println!("{} cases of {} operations, {failed} failed", cases.len(), operations.len());
    assert!(failed == 0, "{failed} of {} cases:\n{failures}", cases.len());
}
