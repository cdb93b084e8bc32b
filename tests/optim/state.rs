//! The state of optimizers, saved and loaded.

use wengert::optim::{Adam, AdamW, Optimizer, RmsProp, Sgd};
use wengert::{DType, FormatProblem, Param, Tensor};

use crate::{boxed, gradients, numbers, params};

/// Each optimizer with all of its state.
fn all_kinds(p: &[Param]) -> Vec<Box<dyn Optimizer>> {
    vec![
        boxed(Sgd::new(p, 0.05).unwrap().momentum(0.9)).unwrap(),
        boxed(Adam::new(p, 0.05)).unwrap(),
        boxed(AdamW::new(p, 0.05)).unwrap(),
        boxed(Ok(RmsProp::new(p, 0.05).unwrap().momentum(0.5).unwrap().centered(true))).unwrap(),
    ]
}

#[test]
fn saved_state_takes_a_run_up_exactly() {
    for kind in 0..4 {
        let (straight, resumed) = (params(), params());
        let mut one = all_kinds(&straight).remove(kind);
        let mut first = all_kinds(&resumed).remove(kind);
        for t in 0..9 {
            one.step(&gradients(&straight, DType::F64, t)).unwrap();
        }
        for t in 0..4 {
            first.step(&gradients(&resumed, DType::F64, t)).unwrap();
        }
        let saved = first.state();
        let mut second = all_kinds(&resumed).remove(kind);
        second.load_state(&saved).unwrap();
        assert_eq!(second.steps(), 4);
        for t in 4..9 {
            second.step(&gradients(&resumed, DType::F64, t)).unwrap();
        }
        assert_eq!(numbers(&straight), numbers(&resumed), "kind {kind}");
    }
}

#[test]
fn state_is_named_after_the_parameters_and_checked() {
    let learned = params();
    let mut sgd = Sgd::new(&learned, 0.1).unwrap().momentum(0.9).unwrap();
    sgd.step(&gradients(&learned, DType::F64, 0)).unwrap();
    let good = sgd.state();
    let names: Vec<&str> = good.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["steps", "velocity.0.weight", "velocity.0.bias"]);

    let velocity = || sgd_velocity(&good);
    let mut other = Sgd::new(&learned, 0.1).unwrap().momentum(0.9).unwrap();
    let problem = other.load_state(&good[..2]).unwrap_err();
    assert_eq!(problem, FormatProblem::Missing { name: "velocity.0.bias".into() });
    let mut long = good.clone();
    long.push(("velocity.1.weight".into(), velocity()));
    let problem = other.load_state(&long).unwrap_err();
    assert_eq!(problem, FormatProblem::Unknown { name: "velocity.1.weight".into() });
    let mut wrong = good.clone();
    wrong[2].1 = velocity();
    let problem = other.load_state(&wrong).unwrap_err();
    assert_eq!(problem.to_string(), "its entry `velocity.0.bias` has shape [4], but [2] is needed");
    for (steps, text) in [
        (1.5, "1.5"),
        (-1.0, "-1"),
        (9007199254740992.0, "9007199254740992"),
        (f64::NAN, "NaN"),
        (f64::INFINITY, "inf"),
    ] {
        let mut count = good.clone();
        count[0].1 = Tensor::from(steps);
        let problem = other.load_state(&count).unwrap_err();
        let expected = format!(
            "its entry `steps` holds {text} at index 0, but every number of it must be a whole number from 0 to 2^53 - 1"
        );
        assert_eq!(problem.to_string(), expected);
    }
    let mut infinite = good.clone();
    infinite[2].1 = Tensor::from([1.0, f64::NEG_INFINITY]);
    let problem = other.load_state(&infinite).unwrap_err();
    let expected = "its entry `velocity.0.bias` holds -inf at index 1, but every number of it must be finite";
    assert_eq!(problem.to_string(), expected);
    assert_eq!(other.steps(), 0);
    assert!(other.state()[1].1.to_vec().iter().all(|&v| v == 0.0));
}

fn sgd_velocity(state: &[(String, Tensor)]) -> Tensor {
    state[1].1.clone()
}
