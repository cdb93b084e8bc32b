//! The operations of the reference by name, run through the public interface.

use serde_json::Value;
use wengert::{
    Shape, Var,
    nn::{BilinearPooling, CosineHead, Layer, MarginLoss, MatrixSqrt},
    ops::{ConvSpec, Window},
};

/// An input: numbers on the tape, or indices outside it.
pub enum Input<'t> {
    Numbers(Var<'t>),
    Indices(Vec<usize>, Shape),
}

/// The inputs and attributes of a case.
pub struct Call<'a, 't> {
    pub inputs: &'a [Input<'t>],
    pub attributes: &'a Value,
}

impl<'t> Call<'_, 't> {
    pub fn x(&self, k: usize) -> Var<'t> {
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

    pub fn number(&self, name: &str) -> f64 {
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
pub fn run<'t>(op: &str, c: &Call<'_, 't>) -> Option<Var<'t>> {
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
