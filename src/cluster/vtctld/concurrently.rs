//! Many calls at once, but not too many.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Runs all, at most `limit` at the same time; gives what they gave, in their order. Dropped, it stops them all.
pub(super) async fn concurrently<T, F>(limit: usize, work: impl IntoIterator<Item = F>) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let permits = Arc::new(Semaphore::new(limit));
    let mut tasks = JoinSet::new();
    for (place, one) in work.into_iter().enumerate() {
        let permits = Arc::clone(&permits);
        tasks.spawn(async move {
            // Never closed; were it, the work would go on without a limit.
            let _permit = permits.acquire().await.ok();
            (place, one.await)
        });
    }
    let mut done = Vec::with_capacity(tasks.len());
    while let Some(joined) = tasks.join_next().await {
        match joined {
            Ok(one) => done.push(one),
            // Nobody aborts them while this runs.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, one)| one).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn the_order_is_kept_and_the_limit_too() {
        let running = Arc::new(AtomicUsize::new(0));
        let work = (0..20).map(|number| {
            let running = Arc::clone(&running);
            async move {
                let at_once = running.fetch_add(1, Ordering::SeqCst) + 1;
                for _ in 0..number % 5 {
                    tokio::task::yield_now().await;
                }
                running.fetch_sub(1, Ordering::SeqCst);
                (number, at_once)
            }
        });
        let done = concurrently(3, work).await;
        assert_eq!(done.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (0..20).collect::<Vec<_>>());
        assert_eq!(done.iter().map(|(_, at_once)| *at_once).max(), Some(3));
    }
}
