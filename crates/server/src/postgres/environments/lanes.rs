//! The lanes of an environment: how many there are, and which one takes the next statement.

use std::num::NonZero;
use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use tokio_postgres::{Client, Error};

use super::{Handle, locked};
use crate::error::Result;
use crate::postgres::lane::{Lane, Purpose};

/// Pipelined connections of one environment that share its requests evenly: for half of the cores, because each more has PostgreSQL
/// woken for fewer statements at a time.
static EVEN_LANES: LazyLock<usize> =
    LazyLock::new(|| std::thread::available_parallelism().map_or(1, NonZero::get).div_ceil(2).min(4));
/// And those beside them, for when one is held up: by a slow statement, or by the disk that is asked to keep a commit.
static MAX_LANES: LazyLock<usize> = LazyLock::new(|| *EVEN_LANES + 1);
/// A lane with this many statements under way is worth another lane beside it.
const BUSY_LANE: usize = 3;
/// How long an insert waits for the first lane, before it goes to a writer.
const OPENING: Duration = Duration::from_secs(1);

/// Those of one purpose.
pub(super) struct Lanes {
    open: Mutex<Vec<Arc<Lane>>>,
    /// Held by whoever opens one.
    pub(super) opening: tokio::sync::Mutex<()>,
}

/// A lane that stays open while this is kept.
pub(crate) struct LaneInUse(Arc<Lane>);

impl Lanes {
    pub(super) fn new() -> Self {
        Self { open: Mutex::default(), opening: tokio::sync::Mutex::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        locked(&self.open).is_empty()
    }

    /// They end when those who use them have gone.
    pub(super) fn close(&self) {
        locked(&self.open).clear();
    }

    /// The one that takes the next statement, and whether there should be one more.
    fn best(&self) -> Option<(LaneInUse, bool)> {
        let mut open = locked(&self.open);
        open.retain(|lane| !lane.is_closed());
        choose(&open).map(|(lane, grow)| (LaneInUse(lane), grow))
    }
}

impl Handle {
    /// A lane for one read; opens the first, and another in the background when those there are have enough to do.
    pub(crate) async fn lane(self: &Arc<Self>) -> Result<LaneInUse> {
        match self.open_lane(Purpose::Reading) {
            Some(lane) => Ok(lane),
            None => Box::pin(self.first_lane(Purpose::Reading)).await,
        }
    }

    /// The same for one insert; none where there is none soon.
    pub(super) async fn lane_of_inserts(self: &Arc<Self>) -> Option<LaneInUse> {
        match self.open_lane(Purpose::Writing) {
            Some(lane) => Some(lane),
            None => tokio::time::timeout(OPENING, Box::pin(self.first_lane(Purpose::Writing))).await.ok()?.ok(),
        }
    }

    pub(super) fn lanes(&self, purpose: Purpose) -> &Lanes {
        match purpose {
            Purpose::Reading => &self.reading,
            Purpose::Writing => &self.inserting,
        }
    }

    async fn first_lane(self: &Arc<Self>, purpose: Purpose) -> Result<LaneInUse> {
        let _turn = self.lanes(purpose).opening.lock().await;
        if let Some(lane) = self.open_lane(purpose) {
            return Ok(lane);
        }
        Ok(self.add_lane(purpose, async |_: &Client| Ok(())).await?.0)
    }

    fn open_lane(self: &Arc<Self>, purpose: Purpose) -> Option<LaneInUse> {
        let (best, grow) = self.lanes(purpose).best()?;
        // Not by taking another environment's.
        if grow && self.budget.left() > 0 {
            let handle = Arc::clone(self);
            tokio::spawn(async move {
                // Whoever opens one already is enough.
                let Ok(_turn) = handle.lanes(purpose).opening.try_lock() else { return };
                let added = async {
                    let _pass = handle.enter().await?;
                    handle.add_lane(purpose, async |_: &Client| Ok(())).await
                };
                if let Err(error) = added.await {
                    tracing::debug!(?error, "no further lane was opened");
                }
            });
        }
        Some(best)
    }

    /// Opens a lane, and asks `first` before it is one.
    pub(super) async fn add_lane<T>(
        &self,
        purpose: Purpose,
        first: impl AsyncFn(&Client) -> Result<T, Error>,
    ) -> Result<(LaneInUse, T)> {
        let generation = self.generation.load(Ordering::SeqCst);
        let slot = self.budget.take().await?;
        let (login, database) = (self.database.data_login(), self.database.as_str());
        let (lane, told) = self.cluster.open_lane(purpose, &login, database, slot, first).await?;
        let lane = Arc::new(lane);
        let mut open = locked(&self.lanes(purpose).open);
        if self.generation.load(Ordering::SeqCst) == generation && open.len() < *MAX_LANES {
            open.push(Arc::clone(&lane));
        }
        Ok((LaneInUse(lane), told))
    }
}

impl LaneInUse {
    pub(crate) fn lane(&self) -> &Lane {
        &self.0
    }
}

/// The least loaded of the lanes that share evenly; of all of them, when that one is held up. And whether there should be one more.
fn choose(lanes: &[Arc<Lane>]) -> Option<(Arc<Lane>, bool)> {
    // One that is held up may have nothing in flight: who waited for it has gone.
    let least = |lanes: &[Arc<Lane>]| lanes.iter().min_by_key(|lane| (lane.is_held_up(), lane.in_flight())).map(Arc::clone);
    let best = least(&lanes[..lanes.len().min(*EVEN_LANES)])?;
    if !best.is_held_up() {
        let is_busy = best.in_flight() >= BUSY_LANE;
        return Some((best, is_busy && lanes.len() < *EVEN_LANES));
    }
    Some((least(lanes)?, lanes.len() < *MAX_LANES))
}
