//! The threads that parallel loops use, and how they wait for the next one.
//!
//! A worker of [`rayon`] that finds nothing to do looks some thirty times more and falls asleep. To wake it up takes the system
//! longer than many a loop of a training step has to do, and between two loops is often just enough time to fall asleep. So
//! before a loop is shared out, each worker gets a job that looks for others, until it has found none for a millisecond.

use rayon::{ThreadPool, ThreadPoolBuilder, Yield};
use std::{
    cell::Cell,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
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
    /// Workers that look for work.
    looking: AtomicUsize,
    patience: Duration,
}

impl Team {
    fn new(threads: usize, patience: Duration) -> Team {
        let alone = threads == 1 || rayon::current_thread_index().is_some();
        let pool = || ThreadPoolBuilder::new().num_threads(threads).use_current_thread().build().ok();
        let pool = if alone { None } else { pool() };
        Team { threads, pool, looking: AtomicUsize::new(0), patience }
    }

    /// Has the workers look for work, if this is the thread that asked first.
    fn wake(&'static self) {
        let Some(pool) = &self.pool else { return };
        if pool.current_thread_index() == Some(0) && self.looking.load(Relaxed) + 1 < self.threads {
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
        self.looking.fetch_add(1, Relaxed);
        let mut since = Instant::now();
        while since.elapsed() < self.patience {
            match rayon::yield_now() {
                Some(Yield::Executed) => since = Instant::now(),
                _ => thread::yield_now(),
            }
        }
        self.looking.fetch_sub(1, Relaxed);
        LOOKS.set(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// While its worker looks for work, a thread that waits for another job to be done would wait forever if the worker did
    /// not find it.
    #[test]
    fn a_worker_finds_work_while_it_looks_and_stops_looking() {
        let team: &'static Team = Box::leak(Box::new(Team::new(2, Duration::from_millis(100))));
        let looking = || team.looking.load(Relaxed);
        for _ in 0..2 {
            let until = Instant::now() + Duration::from_secs(60);
            let wait = |what: &str, done: &dyn Fn() -> bool| {
                while !done() {
                    assert!(Instant::now() < until, "{what}");
                    thread::sleep(Duration::from_millis(1));
                }
            };
            wait("the worker does not begin to look", &|| {
                team.wake();
                looking() == 1
            });
            let found = AtomicUsize::new(0);
            rayon::join(
                || wait("the worker does not find the job", &|| found.load(Relaxed) > 0),
                || found.fetch_add(1, Relaxed),
            );
            wait("the worker does not stop looking", &|| looking() == 0);
        }
    }

    #[test]
    fn nobody_is_woken_by_a_thread_alone() {
        let team: &'static Team = Box::leak(Box::new(Team::new(1, PATIENCE)));
        team.wake();
        assert!(team.pool.is_none() && team.looking.load(Relaxed) == 0);
    }
}
