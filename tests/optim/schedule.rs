//! Learning rates as functions of the iteration.

use wengert::optim::Schedule;

fn rates(schedule: &Schedule, base: f64, count: u64) -> Vec<f64> {
    (0..count).map(|t| schedule.learning_rate(base, t)).collect()
}

#[test]
fn rates_are_those_written_down_by_hand() {
    assert_eq!(rates(&Schedule::Constant, 0.1, 3), [0.1; 3]);
    let step = Schedule::Step { step_size: 2, gamma: 0.5 };
    assert_eq!(rates(&step, 8.0, 7), [8.0, 8.0, 4.0, 4.0, 2.0, 2.0, 1.0]);
    let milestones = Schedule::MultiStep { milestones: vec![4, 1], gamma: 0.5 };
    assert_eq!(rates(&milestones, 8.0, 6), [8.0, 4.0, 4.0, 4.0, 2.0, 2.0]);
    let cosine = Schedule::CosineAnnealing { t_max: 4, eta_min: 1.0 };
    let expected = [3.0, 2.0 + 0.5f64.sqrt(), 2.0, 2.0 - 0.5f64.sqrt(), 1.0, 1.0];
    for (rate, expected) in rates(&cosine, 3.0, 6).iter().zip(expected) {
        assert!((rate - expected).abs() < 1e-14, "{rate} instead of {expected}");
    }
    assert_eq!(rates(&step.after_warmup(3), 8.0, 8), [2.0, 4.0, 6.0, 8.0, 8.0, 4.0, 4.0, 2.0]);
}

#[test]
fn bad_numbers_are_named() {
    let message = |schedule: Schedule| schedule.check().unwrap_err().to_string();
    let step = |step_size, gamma| Schedule::Step { step_size, gamma };
    assert_eq!(message(step(0, 0.5)), "schedule: step_size = 0, but it must be at least 1");
    assert_eq!(message(step(3, f64::NAN)), "schedule: gamma = NaN, but it must be finite and not negative");
    let milestones = Schedule::MultiStep { milestones: vec![], gamma: -1.0 };
    assert_eq!(message(milestones), "schedule: gamma = -1, but it must be finite and not negative");
    let cosine = |t_max, eta_min| Schedule::CosineAnnealing { t_max, eta_min };
    assert_eq!(message(cosine(0, 0.0)), "schedule: t_max = 0, but it must be at least 1");
    let message = message(cosine(9, f64::INFINITY).after_warmup(5));
    assert_eq!(message, "schedule: eta_min = inf, but it must be finite and not negative");
    assert!(step(3, 0.1).after_warmup(5).check().is_ok() && Schedule::Constant.check().is_ok());
}
