//! Threads for what callers ask for, so that the chain keeps its own.
//!
//! ```text
//!  calls, log queries, traces ─▶ few threads of lower priority, one job each
//!  signatures of batches ─▶ a pool of as many, of lower priority too
//!  reads of the store ─▶ the runtime's blocking threads
//! ```
//!
//! The process has one shared pool of rayon's, on which blocks are executed and committed. Work of a caller in its queues
//! would be in the way of the next block, so it never goes there. Where there are fewer cores than threads, the system
//! gives those of lower priority what is left.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crossbeam_channel::{Sender, unbounded};
use tokio::sync::oneshot;

use crate::{config::RpcConfig, error::RpcError};

type Job = Box<dyn FnOnce() + Send>;

/// Threads of the RPC server.
pub(crate) struct Workers {
    /// Not bounded: who may send is, by the permits of [`crate::api::Api`], one per thread.
    calls: Sender<Job>,
    /// None when the system gave no threads: then the shared ones serve.
    parallel: Option<rayon::ThreadPool>,
}

impl Workers {
    pub fn new(config: &RpcConfig) -> Self {
        let nice = config.nice;
        let (calls, jobs) = unbounded::<Job>();
        for n in 0..config.heavy_lanes() {
            let jobs = jobs.clone();
            let thread = std::thread::Builder::new().name(format!("rpc-call-{n}")).spawn(move || {
                lower_priority(nice);
                jobs.iter().for_each(|job| job());
            });
            if let Err(error) = thread {
                tracing::error!(%error, "a thread for calls cannot be started");
            }
        }
        let parallel = rayon::ThreadPoolBuilder::new()
            .num_threads(config.heavy_lanes())
            .thread_name(|n| format!("rpc-batch-{n}"))
            .start_handler(move |_| lower_priority(nice))
            .build();
        let parallel = parallel.inspect_err(|error| tracing::error!(%error, "no threads for batches")).ok();
        Self { calls, parallel }
    }

    /// Runs a job on a thread for calls. A panic ends the job, not the thread.
    pub async fn call<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, RpcError> {
        let (tell, told) = oneshot::channel();
        let job = Box::new(move || {
            if let Ok(done) = catch_unwind(AssertUnwindSafe(work)) {
                // Who asked may be gone.
                drop(tell.send(done));
            }
        });
        self.calls.send(job).map_err(|_| RpcError::Internal("there are no threads for calls".to_owned()))?;
        told.await.map_err(|_| RpcError::Internal("the call did not end: it panicked".to_owned()))
    }

    /// Runs work that spreads itself over threads. It must hold no lock while it does: a thread that waits for its parts
    /// may begin another caller's work meanwhile. (That is why the pending block is not built here.)
    pub fn parallel<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.parallel {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }
}

/// Lets the calling thread stand back behind the others.
#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "a system call without pointers; it changes the calling thread alone")]
fn lower_priority(nice: u8) {
    // SAFETY: no memory is passed. Who = 0 is the calling thread (Linux's setpriority acts on threads).
    let done = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, i32::from(nice)) };
    if done != 0 {
        tracing::debug!(error = %std::io::Error::last_os_error(), "a thread keeps its priority");
    }
}

#[cfg(not(target_os = "linux"))]
fn lower_priority(_: u8) {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
    use super::*;

    /// Field 19 of a thread's `stat`.
    #[cfg(target_os = "linux")]
    fn nice_of_this_thread() -> i32 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        stat.rsplit_once(") ").unwrap().1.split(' ').nth(16).unwrap().parse().unwrap()
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn callers_work_has_threads_of_its_own_with_the_priority_that_was_set() {
        let before = nice_of_this_thread();
        let nice = u8::try_from(before).unwrap().max(7);
        let workers = Workers::new(&RpcConfig { nice, heavy_threads: 2, ..RpcConfig::default() });
        let look = || (std::thread::current().name().unwrap().to_owned(), nice_of_this_thread());
        let (name, priority) = workers.call(look).await.unwrap();
        assert!(name.starts_with("rpc-call-"), "{name}");
        assert_eq!(priority, i32::from(nice));
        let (name, priority) = workers.parallel(look);
        assert!(name.starts_with("rpc-batch-"), "{name}");
        assert_eq!((priority, workers.parallel(rayon::current_num_threads)), (i32::from(nice), 2));
        assert_eq!(nice_of_this_thread(), before, "nobody else stands back");
    }

    #[tokio::test]
    async fn a_job_that_panics_is_an_error_and_the_next_one_runs() {
        let workers = Workers::new(&RpcConfig { heavy_threads: 1, ..RpcConfig::default() });
        let error = workers.call(|| panic!("on purpose")).await.map(|(): ()| ()).unwrap_err();
        assert_eq!(error.code(), -32603);
        assert_eq!(workers.call(|| 5).await.unwrap(), 5);
    }
}
