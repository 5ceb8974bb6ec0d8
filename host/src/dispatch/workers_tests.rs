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

/// Names of the threads on which a call of this many ticks began and ended.
async fn threads(workers: &Arc<Workers>, cpu_class: &Arc<CpuClass>, ticks: u32) -> (String, String) {
    let call = async move {
        let began = here();
        compute_for_ticks(ticks).await;
        (began, here())
    };
    run(workers, cpu_class, call).await
}

fn here() -> String {
    std::thread::current().name().unwrap().to_owned()
}

async fn run<T: Send + 'static>(
    workers: &Arc<Workers>,
    cpu_class: &Arc<CpuClass>,
    call: impl Future<Output = T> + Send + 'static,
) -> T {
    let (within, cpu_class) = (Arc::clone(workers), Arc::clone(cpu_class));
    let (tell, told) = tokio::sync::oneshot::channel();
    workers.spawn(async move { _ = tell.send(within.run(&cpu_class, call).await) });
    told.await.unwrap_or_else(|_| panic!("the call ended without a word"))
}

#[tokio::test]
async fn a_long_computing_call_moves_to_slow_threads_and_the_next_begins_there() {
    let workers = Arc::new(Workers::start(TICK).unwrap());
    let cpu_class = Arc::new(CpuClass::default());
    let on = |began: &str, ended: &str| (began.to_owned(), ended.to_owned());
    assert_eq!(threads(&workers, &cpu_class, 0).await, on("guests", "guests"));
    assert_eq!(threads(&workers, &cpu_class, 4).await, on("guests", "guests-heavy"));
    assert_eq!(threads(&workers, &cpu_class, 0).await, on("guests-heavy", "guests-heavy"));
    let many = TICKS[1] + 2;
    assert_eq!(threads(&workers, &cpu_class, many).await, on("guests-heavy", "guests-endless"));
    assert_eq!(threads(&workers, &cpu_class, 4).await, on("guests-endless", "guests-endless"));
    // The class falls only after enough lighter calls.
    for weight in [2, 1] {
        assert_eq!(cpu_class.weight(), weight);
        while cpu_class.weight() == weight {
            threads(&workers, &cpu_class, 0).await;
        }
    }
    assert_eq!(threads(&workers, &cpu_class, 0).await, on("guests", "guests"));
}

/// A waiting call does not compute.
#[tokio::test]
async fn a_call_that_takes_long_because_it_waits_stays_where_it_is() {
    let workers = Arc::new(Workers::start(TICK).unwrap());
    let cpu_class = Arc::new(CpuClass::default());
    for _ in 0..2 {
        let call = async {
            for _ in 0..4 {
                std::thread::sleep(2 * TICK);
                tokio::task::yield_now().await;
            }
            here()
        };
        assert_eq!(run(&workers, &cpu_class, call).await, "guests");
    }
    assert_eq!(cpu_class.weight(), 0);
}

#[tokio::test]
async fn calls_that_never_end_leave_room_for_short_ones() {
    let workers = Arc::new(Workers::start(TICK).unwrap());
    let endless = Arc::new(CpuClass::default());
    for _ in 0..16 {
        let (workers, cpu_class) = (Arc::clone(&workers), Arc::clone(&endless));
        Arc::clone(&workers).spawn(async move { workers.run(&cpu_class, compute_for_ticks(u32::MAX)).await });
    }
    let short = Arc::new(CpuClass::default());
    let done = AtomicUsize::new(0);
    for _ in 0..100 {
        threads(&workers, &short, 0).await;
        done.fetch_add(1, Ordering::Relaxed);
    }
    assert_eq!(done.into_inner(), 100);
}
