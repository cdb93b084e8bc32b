//! The arguments of one sample, by position or by name, as PyTorch's operators take them.

use serde_json::Value;
use wengert::{Tape, Tensor, Var};

/// One argument.
pub enum Arg<'t> {
    None,
    Flag(bool),
    Number(f64),
    Text(String),
    /// A tensor of any type; whole numbers and flags are small enough to be exact.
    Tensor {
        var: Var<'t>,
        dtype: String,
    },
    List(Vec<Arg<'t>>),
    Slice([Option<isize>; 3]),
}

/// A call of an operator.
pub struct Call<'t> {
    pub tape: &'t Tape,
    pub args: Vec<Arg<'t>>,
    kwargs: Vec<(String, Arg<'t>)>,
    /// The inputs that want a gradient, in PyTorch's order.
    pub inputs: Vec<Var<'t>>,
}

/// A number, or the name of one that JSON does not have.
pub fn number(json: &Value) -> f64 {
    json.as_f64().unwrap_or_else(|| json.as_str().and_then(|text| text.parse().ok()).expect("a number"))
}

/// A tensor that the script wrote.
pub fn tensor(json: &Value) -> Tensor {
    let shape: Vec<usize> = json["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
    Tensor::from_vec(json["data"].as_array().unwrap().iter().map(number).collect::<Vec<f64>>(), &shape[..]).unwrap()
}

impl<'t> Call<'t> {
    pub fn read(tape: &'t Tape, record: &Value) -> Self {
        let mut inputs = Vec::new();
        let args = record["args"].as_array().unwrap().iter().map(|arg| Arg::read(tape, arg, &mut inputs)).collect();
        let named = record["kwargs"].as_object().unwrap();
        let kwargs = named.iter().map(|(name, arg)| (name.clone(), Arg::read(tape, arg, &mut inputs))).collect();
        inputs.sort_by_key(|(place, _)| *place);
        Call { tape, args, kwargs, inputs: inputs.into_iter().map(|(_, var)| var).collect() }
    }

    /// The argument at position `i`, or of that name; [`Arg::None`] if there is none.
    pub fn get(&self, i: usize, name: &str) -> &Arg<'t> {
        let named = self.kwargs.iter().find(|(key, _)| key == name).map(|(_, arg)| arg);
        named.or_else(|| self.args.get(i)).unwrap_or(&Arg::None)
    }

    /// The tensor at position `i`.
    #[track_caller]
    pub fn x(&self, i: usize) -> Var<'t> {
        self.var(i, "")
    }

    #[track_caller]
    pub fn var(&self, i: usize, name: &str) -> Var<'t> {
        self.maybe(i, name).unwrap_or_else(|| panic!("argument {i} {name} is no tensor"))
    }

    pub fn maybe(&self, i: usize, name: &str) -> Option<Var<'t>> {
        match self.get(i, name) {
            Arg::Tensor { var, .. } => Some(*var),
            _ => None,
        }
    }

    /// All tensors, also those in lists.
    pub fn vars(&self) -> Vec<Var<'t>> {
        self.args.iter().flat_map(Arg::vars).collect()
    }

    pub fn float(&self, i: usize, name: &str, default: f64) -> f64 {
        match self.get(i, name) {
            Arg::Number(x) => *x,
            Arg::Flag(x) => f64::from(*x),
            Arg::Tensor { var, .. } if var.numel() == 1 => var.value().to_vec()[0],
            _ => default,
        }
    }

    pub fn int(&self, i: usize, name: &str, default: isize) -> isize {
        self.float(i, name, default as f64) as isize
    }

    pub fn flag(&self, i: usize, name: &str, default: bool) -> bool {
        self.float(i, name, f64::from(default)) != 0.0
    }

    pub fn text(&self, i: usize, name: &str, default: &'static str) -> &str {
        match self.get(i, name) {
            Arg::Text(text) => text,
            _ => default,
        }
    }

    /// Whole numbers: one, a list of them, or a tensor.
    pub fn ints(&self, i: usize, name: &str) -> Option<Vec<isize>> {
        match self.get(i, name) {
            Arg::None => None,
            arg => Some(arg.numbers()?.into_iter().map(|x| x as isize).collect()),
        }
    }

    pub fn places(&self, i: usize, name: &str) -> Vec<usize> {
        self.ints(i, name).unwrap_or_default().into_iter().map(|x| x as usize).collect()
    }

    /// As many whole numbers as wanted: given one by one, or one for all.
    pub fn sizes<const N: usize>(&self, i: usize, name: &str, default: usize) -> [usize; N] {
        let given = self.places(i, name);
        std::array::from_fn(|k| given.get(k).or(given.first()).copied().unwrap_or(default))
    }

    pub fn constant(&self, x: f64) -> Var<'t> {
        self.tape.constant(x)
    }

    pub fn full(&self, shape: impl Into<wengert::Shape>, x: f64) -> Var<'t> {
        self.tape.constant(Tensor::full(shape, x, wengert::DType::F64))
    }
}

impl<'t> Arg<'t> {
    fn read(tape: &'t Tape, json: &Value, inputs: &mut Vec<(u64, Var<'t>)>) -> Self {
        match json {
            Value::Bool(flag) => Arg::Flag(*flag),
            Value::Number(_) => Arg::Number(number(json)),
            Value::String(text) => Arg::Text(text.clone()),
            Value::Object(of) if of.contains_key("tensor") => {
                let (value, dtype) = (tensor(&json["tensor"]), json["dtype"].as_str().unwrap().to_owned());
                let place = json["input"].as_u64();
                let var = if place.is_some() { tape.leaf(&value) } else { tape.constant(&value) };
                inputs.extend(place.map(|place| (place, var)));
                Arg::Tensor { var, dtype }
            }
            Value::Object(of) if of.contains_key("list") => {
                Arg::List(json["list"].as_array().unwrap().iter().map(|item| Arg::read(tape, item, inputs)).collect())
            }
            Value::Object(of) if of.contains_key("slice") => {
                Arg::Slice(std::array::from_fn(|k| json["slice"][k].as_i64().map(|n| n as isize)))
            }
            Value::Object(of) if of.contains_key("float") => Arg::Number(number(&json["float"])),
            Value::Object(_) => Arg::Text(json["other"].as_str().unwrap_or_default().to_owned()),
            _ => Arg::None,
        }
    }

    fn vars(&self) -> Vec<Var<'t>> {
        match self {
            Arg::Tensor { var, .. } => vec![*var],
            Arg::List(items) => items.iter().flat_map(Arg::vars).collect(),
            _ => vec![],
        }
    }

    /// The numbers of a list or a tensor, or the one.
    pub fn numbers(&self) -> Option<Vec<f64>> {
        match self {
            Arg::Number(x) => Some(vec![*x]),
            Arg::Tensor { var, .. } => Some(var.value().to_vec()),
            Arg::List(items) => items.iter().map(|item| item.numbers().map(|x| x[0])).collect(),
            _ => None,
        }
    }
}
