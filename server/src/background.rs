//! Tasks that run beside the requests. They end with the server: those that have something to finish are told so and
//! waited for, the others just stop.

use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Tells a task that the server stops.
pub struct Stopped(watch::Receiver<()>);

impl Stopped {
    /// Waits until the server stops.
    pub async fn wait(&mut self) {
        // The sender says nothing: it goes away.
        while self.0.changed().await.is_ok() {}
    }
}

/// The tasks of a server.
pub struct Background {
    stop: Option<watch::Sender<()>>,
    finishing: Vec<JoinHandle<()>>,
    running: Vec<JoinHandle<()>>,
}

impl Default for Background {
    fn default() -> Self {
        Self { stop: Some(watch::Sender::new(())), finishing: Vec::new(), running: Vec::new() }
    }
}

impl Background {
    /// Runs a task that may be stopped at any moment.
    pub fn run(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.running.push(tokio::spawn(task));
    }

    /// Runs a task that ends by itself when it is told that the server stops.
    pub fn run_until_stopped<F>(&mut self, task: impl FnOnce(Stopped) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if let Some(stop) = &self.stop {
            self.finishing.push(tokio::spawn(task(Stopped(stop.subscribe()))));
        }
    }

    /// Runs a task until the server stops, and drops it then before others are waited for: it may hold what keeps those
    /// from ending.
    pub fn run_while_serving(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.run_until_stopped(|mut stopped| async move {
            tokio::select! {
                () = stopped.wait() => {}
                () = task => {}
            }
        });
    }

    /// Waits at the end for a task that ends by itself when nobody needs it any more.
    pub fn finish(&mut self, task: JoinHandle<()>) {
        self.finishing.push(task);
    }

    /// Ends all tasks; says whether those with something to finish did so in time.
    pub async fn stop(mut self, patience: Duration) -> bool {
        self.stop.take();
        let waiting = std::mem::take(&mut self.finishing);
        let finished = async {
            for task in waiting {
                let _ended = task.await;
            }
        };
        tokio::time::timeout(patience, finished).await.is_ok()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // A server that goes without being stopped leaves as a crash does: what is told to stop still stops.
        self.running.iter().for_each(JoinHandle::abort);
    }
}
