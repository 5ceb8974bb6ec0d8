use std::collections::BTreeSet;

use proptest::prelude::*;
use sqlx::Connection as _;

use super::*;
use crate::db::sqlite::late_index::Progress;

/// A step of a transaction.
#[derive(Debug, Clone, Copy)]
enum Operation {
    /// A delivery of a new event comes in.
    Opens { order: i64 },
    /// A replay makes another one of an event of before.
    OpensAgain { event: usize, order: i64 },
    /// One of the open deliveries is closed.
    Closes { open: usize },
}

/// The end of a transaction.
#[derive(Debug, Clone, Copy)]
enum TransactionEnd {
    Committed,
    RolledBack,
    /// It is on disk, and the process was killed or could not see the result.
    Unknown,
}

fn transactions() -> impl Strategy<Value = Vec<(Vec<Operation>, TransactionEnd)>> {
    let does = prop_oneof![
        3 => (0..4_i64).prop_map(|order| Operation::Opens { order }),
        1 => (0..100_usize, 0..4_i64).prop_map(|(event, order)| Operation::OpensAgain { event, order }),
        2 => (0..100_usize).prop_map(|open| Operation::Closes { open }),
    ];
    let ends = prop_oneof![6 => Just(TransactionEnd::Committed), 1 => Just(TransactionEnd::RolledBack), 1 => Just(TransactionEnd::Unknown)];
    proptest::collection::vec((proptest::collection::vec(does, 0..12), ends), 1..40)
}

/// The tables, the changes to them, and the deliveries expected to be open.
struct Fixture {
    conn: SqliteConnection,
    orders: Orders,
    events: i64,
    numbers: i64,
    open: BTreeSet<Open>,
}

impl Fixture {
    async fn new(max: usize) -> Self {
        let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        sqlx::migrate!("./migrations/sqlite").run(&mut conn).await.unwrap();
        Self { conn, orders: Orders::new(max), events: 0, numbers: 0, open: BTreeSet::new() }
    }

    async fn run(&mut self, sql: &'static str) {
        sqlx::query(sql).execute(&mut self.conn).await.unwrap();
    }

    async fn transaction(&mut self, does: &[Operation], ends: TransactionEnd) {
        let before = self.open.clone();
        self.run("BEGIN").await;
        self.orders.begin(&mut self.conn).await.unwrap();
        for does in does {
            match *does {
                Operation::Opens { order } => {
                    self.events += 1;
                    self.opens(Open { order, event: self.events, number: 1 }).await;
                }
                Operation::OpensAgain { event, order } if self.events > 0 => {
                    self.numbers += 1;
                    let event = i64::try_from(event).unwrap() % self.events + 1;
                    self.opens(Open { order, event, number: 1 + self.numbers }).await;
                }
                Operation::Closes { open } if !self.open.is_empty() => {
                    let open = *self.open.iter().nth(open % self.open.len()).unwrap();
                    self.closes(open).await;
                }
                Operation::OpensAgain { .. } | Operation::Closes { .. } => {}
            }
        }
        match ends {
            TransactionEnd::Committed => {
                self.run("COMMIT").await;
                self.orders.index.committed();
            }
            TransactionEnd::RolledBack => {
                self.run("ROLLBACK").await;
                self.orders.index.undone();
                self.open = before;
            }
            TransactionEnd::Unknown => {
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
        self.orders
            .opened(&mut self.conn, [(OrderingHash(open.order), open.id())].into_iter())
            .await
            .unwrap();
        self.open.insert(open);
    }

    async fn closes(&mut self, open: Open) {
        let sql = "UPDATE delivery SET due_at = NULL WHERE event_seq = ? AND number = ?";
        sqlx::query(sql).bind(open.event).bind(open.number).execute(&mut self.conn).await.unwrap();
        self.orders
            .closed(&mut self.conn, [(OrderingHash(open.order), open.id())].into_iter())
            .await
            .unwrap();
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

        let orders: Vec<_> = (0..4).map(OrderingHash).collect();
        let first = |order: &OrderingHash| self.open.range(Open::all(*order)).next().map(|open| open.id());
        let firsts: Vec<_> = orders.iter().filter_map(first).collect();
        assert_eq!(self.orders.first(&mut self.conn, &orders).await.unwrap(), firsts);
        let open: HashSet<_> = orders.iter().copied().filter(|order| first(order).is_some()).collect();
        assert_eq!(self.orders.open(&mut self.conn, &orders).await.unwrap(), open);
    }
}

proptest! {
    #[test]
    fn open_deliveries_are_in_memory_or_in_the_index(max in 1..9_usize, transactions in transactions()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut fixture = Fixture::new(max).await;
            for (does, ends) in transactions {
                fixture.transaction(&does, ends).await;
                fixture.check().await;
            }
        });
    }
}

/// A delivery that closes before many others arrive costs the index nothing.
#[tokio::test]
async fn a_delivery_that_closes_soon_is_never_indexed() {
    let mut fixture = Fixture::new(4).await;
    for _ in 0..40 {
        fixture
            .transaction(
                &[Operation::Opens { order: 1 }, Operation::Closes { open: 0 }],
                TransactionEnd::Committed,
            )
            .await;
        assert_eq!(fixture.orders.index.stored(), Some(Progress::default()));
    }
    for _ in 0..40 {
        fixture.transaction(&[Operation::Opens { order: 1 }], TransactionEnd::Committed).await;
    }
    let indexed: i64 =
        sqlx::query_scalar("SELECT count(*) FROM order_index").fetch_one(&mut fixture.conn).await.unwrap();
    assert!(indexed > 30, "{indexed}");
    fixture.check().await;
}

/// Each statement finds its rows by an index, in tables of any size.
#[tokio::test]
async fn nothing_is_found_by_looking_at_everything() {
    let mut fixture = Fixture::new(4).await;
    for (sql, columns) in [(CLOSE, 3), (FIRST, 1), (crate::db::sqlite::rows::UNBLOCK, 2)] {
        let row = format!("({})", vec!["?"; columns].join(","));
        let sql = format!("EXPLAIN QUERY PLAN {}", sql.replace("{rows}", &[row.as_str(); 8].join(",")));
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(sql.as_str())).fetch_all(&mut fixture.conn).await.unwrap();
        let scans = |step: &str| step.starts_with("SCAN order_index") || step.starts_with("SCAN delivery");
        assert!(!plan.iter().any(|(.., step)| scans(step)), "{sql}: {plan:?}");
    }
}
