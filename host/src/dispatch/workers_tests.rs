use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const TICK: Duration = Duration::from_millis(5);

fn compute(time: Duration) {
    let began = computed();
    while computed() < began + time {}
}

async fn compute_for_ticks(ticks: u32) {
    for _ in 0..ticks {
        compute(TICK);
        tokio::task::yield_now().await;
    }
}

/// Names of the threads on which a call of so many ticks began and ended.
async fn threads(workers: &Arc<Workers>, pace: &Arc<Pace>, ticks: u32) -> (String, String) {
    let call = async move {
        let began = here();
        compute_for_ticks(ticks).await;
        (began, here())
    };
    run(workers, pace, call).await
}

fn here() -> String {
    std::thread::current().name().unwrap().to_owned()
}

async fn run<T: Send + 'static>(
    workers: &Arc<Workers>,
    pace: &Arc<Pace>,
    call: impl Future<Output = T> + Send + 'static,
) -> T {
    let (within, pace) = (Arc::clone(workers), Arc::clone(pace));
    let (tell, told) = tokio::sync::oneshot::channel();
    workers.spawn(async move { _ = tell.send(within.run(&pace, call).await) });
    told.await.unwrap_or_else(|_| panic!("the call ended without a word"))
}

#[tokio::test]
async fn a_call_that_computes_for_long_goes_on_elsewhere_and_the_next_begins_there() {
    let workers = Arc::new(Workers::start(TICK).unwrap());
    let pace = Arc::new(Pace::default());
    let on = |began: &str, ended: &str| (began.to_owned(), ended.to_owned());
    assert_eq!(threads(&workers, &pace, 0).await, on("guests", "guests"));
    assert_eq!(threads(&workers, &pace, 4).await, on("guests", "guests-heavy"));
    assert_eq!(threads(&workers, &pace, 0).await, on("guests-heavy", "guests-heavy"));
    let many = TICKS[1] + 2;
    assert_eq!(threads(&workers, &pace, many).await, on("guests-heavy", "guests-endless"));
    assert_eq!(threads(&workers, &pace, 4).await, on("guests-endless", "guests-endless"));
    // Until enough of them were lighter.
    for weight in [2, 1] {
        assert_eq!(pace.weight(), weight);
        while pace.weight() == weight {
            threads(&workers, &pace, 0).await;
        }
    }
    assert_eq!(threads(&workers, &pace, 0).await, on("guests", "guests"));
}

/// What waits does not compute.
#[tokio::test]
async fn a_call_that_takes_long_because_it_waits_stays_where_it_is() {
    let workers = Arc::new(Workers::start(TICK).unwrap());
    let pace = Arc::new(Pace::default());
    for _ in 0..2 {
        let call = async {
            for _ in 0..4 {
                std::thread::sleep(2 * TICK);
                tokio::task::yield_now().await;
            }
            here()
        };
        assert_eq!(run(&workers, &pace, call).await, "guests");
    }
    assert_eq!(pace.weight(), 0);
}

#[tokio::test]
async fn calls_that_never_end_leave_room_for_short_ones() {
    let workers = Arc::new(Workers::start(TICK).unwrap());
    let endless = Arc::new(Pace::default());
    for _ in 0..16 {
        let (workers, pace) = (Arc::clone(&workers), Arc::clone(&endless));
        Arc::clone(&workers).spawn(async move { workers.run(&pace, compute_for_ticks(u32::MAX)).await });
    }
    let short = Arc::new(Pace::default());
    let done = AtomicUsize::new(0);
    for _ in 0..100 {
        threads(&workers, &short, 0).await;
        done.fetch_add(1, Ordering::Relaxed);
    }
    assert_eq!(done.into_inner(), 100);
}
