//! The threads that parallel loops use, and how they wait for the next one.
//!
//! A worker of [`rayon`] that finds nothing to do looks some thirty times more and falls asleep. Between two loops of a training
//! step is often just enough time for that, and to wake it up takes time again. So before a loop is shared out, each worker gets
//! a job that looks for others, until it has found none for a millisecond.

use rayon::{ThreadPool, ThreadPoolBuilder, Yield};
use std::{
    cell::Cell,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

/// How long a worker looks for work, after the last that it found.
const PATIENCE: Duration = Duration::from_millis(1);

thread_local! {
    /// Whether this worker looks for work already, or does what it has found so.
    static LOOKS: Cell<bool> = const { Cell::new(false) };
}

/// The number of threads that parallel loops use, looked up once.
///
/// `RAYON_NUM_THREADS` sets it; the results never depend on it.
///
/// The thread that asks first, as a rule the program's only one, becomes a worker of a pool of that size: it computes
/// its share of each loop at once, instead of waking another thread and waiting for it. Other threads use the pool
/// that they would use anyway.
pub fn threads() -> usize {
    team().threads
}

/// Tells the workers that a loop is about to be shared out by this thread.
pub(super) fn wake() {
    team().wake();
}

fn team() -> &'static Team {
    static TEAM: OnceLock<Team> = OnceLock::new();
    TEAM.get_or_init(|| Team::new(rayon::current_num_threads(), PATIENCE))
}

/// The thread that asked first, and its workers.
struct Team {
    threads: usize,
    /// None where that thread was alone, or a worker of another pool already.
    pool: Option<ThreadPool>,
    /// Whether the workers were asked to look for work, and none of them has stopped since.
    asked: AtomicBool,
    patience: Duration,
}

impl Team {
    fn new(threads: usize, patience: Duration) -> Team {
        let alone = threads == 1 || rayon::current_thread_index().is_some();
        let pool = || ThreadPoolBuilder::new().num_threads(threads).use_current_thread().build().ok();
        let pool = if alone { None } else { pool() };
        Team { threads, pool, asked: AtomicBool::new(false), patience }
    }

    /// Has the workers look for work, if this is the thread that asked first.
    fn wake(&'static self) {
        let Some(pool) = &self.pool else { return };
        if pool.current_thread_index() == Some(0) && !self.asked.load(Relaxed) {
            self.asked.store(true, Relaxed);
            // That thread waits for the loop alone, and has to go on when it is done.
            pool.spawn_broadcast(|worker| {
                if worker.index() > 0 {
                    self.look()
                }
            });
        }
    }

    /// Does what there is to do on this worker's pool, and waits for more.
    fn look(&self) {
        if LOOKS.replace(true) {
            return;
        }
        let mut since = Instant::now();
        while since.elapsed() < self.patience {
            match rayon::yield_now() {
                Some(Yield::Executed) => since = Instant::now(),
                _ => thread::yield_now(),
            }
        }
        LOOKS.set(false);
        self.asked.store(false, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each job is for another thread: this one waits for it.
    #[test]
    fn a_worker_finds_work_while_it_looks_and_stops_looking() {
        let team: &'static Team = Box::leak(Box::new(Team::new(2, Duration::from_millis(100))));
        for _ in 0..2 {
            let until = Instant::now() + Duration::from_secs(60);
            let wait = |what: &str, done: &dyn Fn() -> bool| {
                while !done() {
                    assert!(Instant::now() < until, "{what}");
                    thread::sleep(Duration::from_millis(1));
                }
            };
            wait("the worker finds no job while it looks", &|| {
                team.wake();
                let (done, looks) = (AtomicBool::new(false), AtomicBool::new(false));
                rayon::join(
                    || wait("the worker does not find the job", &|| done.load(Relaxed)),
                    || {
                        looks.store(LOOKS.get(), Relaxed);
                        done.store(true, Relaxed);
                    },
                );
                looks.load(Relaxed)
            });
            wait("the worker does not stop looking", &|| !team.asked.load(Relaxed));
        }
    }

    #[test]
    fn nobody_is_woken_by_a_thread_alone() {
        let team: &'static Team = Box::leak(Box::new(Team::new(1, PATIENCE)));
        team.wake();
        assert!(team.pool.is_none() && !team.asked.load(Relaxed));
    }
}
