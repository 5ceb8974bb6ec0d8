use std::collections::BTreeSet;

use proptest::prelude::*;
use sqlx::Connection as _;

use super::*;
use crate::db::sqlite::late_index::Progress;

/// What a transaction does.
#[derive(Debug, Clone, Copy)]
enum Does {
    /// A delivery of a new event comes in.
    Opens { order: i64 },
    /// A replay makes another one of an event of before.
    OpensAgain { event: usize, order: i64 },
    /// One of those that are open is closed.
    Closes { open: usize },
}

/// What becomes of it.
#[derive(Debug, Clone, Copy)]
enum Ends {
    Committed,
    RolledBack,
    /// It is on disk, and the process was killed, or does not know.
    Unknown,
}

fn transactions() -> impl Strategy<Value = Vec<(Vec<Does>, Ends)>> {
    let does = prop_oneof![
        3 => (0..4_i64).prop_map(|order| Does::Opens { order }),
        1 => (0..100_usize, 0..4_i64).prop_map(|(event, order)| Does::OpensAgain { event, order }),
        2 => (0..100_usize).prop_map(|open| Does::Closes { open }),
    ];
    let ends = prop_oneof![6 => Just(Ends::Committed), 1 => Just(Ends::RolledBack), 1 => Just(Ends::Unknown)];
    proptest::collection::vec((proptest::collection::vec(does, 0..12), ends), 1..40)
}

/// The tables, what opens and closes in them, and what should be open.
struct Bed {
    conn: SqliteConnection,
    orders: Orders,
    events: i64,
    numbers: i64,
    open: BTreeSet<Open>,
}

impl Bed {
    async fn new(max: usize) -> Self {
        let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        sqlx::migrate!("./migrations/sqlite").run(&mut conn).await.unwrap();
        Self { conn, orders: Orders::new(max), events: 0, numbers: 0, open: BTreeSet::new() }
    }

    async fn run(&mut self, sql: &'static str) {
        sqlx::query(sql).execute(&mut self.conn).await.unwrap();
    }

    async fn transaction(&mut self, does: &[Does], ends: Ends) {
        let before = self.open.clone();
        self.run("BEGIN").await;
        self.orders.begin(&mut self.conn).await.unwrap();
        for does in does {
            match *does {
                Does::Opens { order } => {
                    self.events += 1;
                    self.opens(Open { order, event: self.events, number: 1 }).await;
                }
                Does::OpensAgain { event, order } if self.events > 0 => {
                    self.numbers += 1;
                    let event = i64::try_from(event).unwrap() % self.events + 1;
                    self.opens(Open { order, event, number: 1 + self.numbers }).await;
                }
                Does::Closes { open } if !self.open.is_empty() => {
                    let open = *self.open.iter().nth(open % self.open.len()).unwrap();
                    self.closes(open).await;
                }
                Does::OpensAgain { .. } | Does::Closes { .. } => {}
            }
        }
        match ends {
            Ends::Committed => {
                self.run("COMMIT").await;
                self.orders.index.committed();
            }
            Ends::RolledBack => {
                self.run("ROLLBACK").await;
                self.orders.index.undone();
                self.open = before;
            }
            Ends::Unknown => {
                self.run("COMMIT").await;
                self.orders.index.in_doubt();
                self.orders.index.undone();
            }
        }
    }

    async fn opens(&mut self, open: Open) {
        let sql = "INSERT INTO delivery (event_seq, number, plugin, ordering, due_at, state, attempts)
            VALUES (?, ?, 'p', ?, 0, 'pending', 0)";
        let query = sqlx::query(sql).bind(open.event).bind(open.number).bind(open.order);
        query.execute(&mut self.conn).await.unwrap();
        self.orders.opened(&mut self.conn, [(Order(open.order), open.id())].into_iter()).await.unwrap();
        self.open.insert(open);
    }

    async fn closes(&mut self, open: Open) {
        let sql = "UPDATE delivery SET due_at = NULL WHERE event_seq = ? AND number = ?";
        sqlx::query(sql).bind(open.event).bind(open.number).execute(&mut self.conn).await.unwrap();
        self.orders.closed(&mut self.conn, [(Order(open.order), open.id())].into_iter()).await.unwrap();
        self.open.remove(&open);
    }

    /// Each that is open is in memory or in the index, and the first of each order is found.
    async fn check(&mut self) {
        self.orders.begin(&mut self.conn).await.unwrap();
        let sql = "SELECT ordering, event_seq, number FROM order_index ORDER BY 1, 2, 3";
        let rows: Vec<(i64, i64, i64)> = sqlx::query_as(sql).fetch_all(&mut self.conn).await.unwrap();
        assert!(self.orders.indexed || rows.is_empty());
        let indexed = rows.into_iter().map(|(order, event, number)| Open { order, event, number });
        let everything =
            Open { order: i64::MIN, ..Open::default() }..=Open { order: i64::MAX, ..Open::default() };
        let mut found: Vec<_> = indexed.chain(self.orders.index.find(&everything)).collect();
        found.sort_unstable();
        assert_eq!(found, self.open.iter().copied().collect::<Vec<_>>());

        let orders: Vec<_> = (0..4).map(Order).collect();
        let first = |order: &Order| self.open.range(Open::all(*order)).next().map(|open| open.id());
        let firsts: Vec<_> = orders.iter().filter_map(first).collect();
        assert_eq!(self.orders.first(&mut self.conn, &orders).await.unwrap(), firsts);
        let open: HashSet<_> = orders.iter().copied().filter(|order| first(order).is_some()).collect();
        assert_eq!(self.orders.open(&mut self.conn, &orders).await.unwrap(), open);
    }
}

proptest! {
    #[test]
    fn what_is_open_is_in_memory_or_in_the_index(max in 1..9_usize, transactions in transactions()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut bed = Bed::new(max).await;
            for (does, ends) in transactions {
                bed.transaction(&does, ends).await;
                bed.check().await;
            }
        });
    }
}

/// What is closed before many others came in costs the index nothing.
#[tokio::test]
async fn what_is_closed_soon_never_comes_into_the_index() {
    let mut bed = Bed::new(4).await;
    for _ in 0..40 {
        bed.transaction(&[Does::Opens { order: 1 }, Does::Closes { open: 0 }], Ends::Committed).await;
        assert_eq!(bed.orders.index.stored(), Some(Progress::default()));
    }
    for _ in 0..40 {
        bed.transaction(&[Does::Opens { order: 1 }], Ends::Committed).await;
    }
    let indexed: i64 =
        sqlx::query_scalar("SELECT count(*) FROM order_index").fetch_one(&mut bed.conn).await.unwrap();
    assert!(indexed > 30, "{indexed}");
    bed.check().await;
}

/// Each statement finds its rows by an index, however many there are.
#[tokio::test]
async fn nothing_is_found_by_looking_at_everything() {
    let mut bed = Bed::new(4).await;
    for (sql, columns) in [(CLOSE, 3), (FIRST, 1), (crate::db::sqlite::rows::UNBLOCK, 2)] {
        let row = format!("({})", vec!["?"; columns].join(","));
        let sql = format!("EXPLAIN QUERY PLAN {}", sql.replace("{rows}", &[row.as_str(); 8].join(",")));
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(sql.as_str())).fetch_all(&mut bed.conn).await.unwrap();
        let scans = |step: &str| step.starts_with("SCAN order_index") || step.starts_with("SCAN delivery");
        assert!(!plan.iter().any(|(.., step)| scans(step)), "{sql}: {plan:?}");
    }
}
