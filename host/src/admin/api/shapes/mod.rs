//! The JSON of the API: what requests and answers look like to programs.
//!
//! Other rooms have types of their own, which become these here: a change inside the host does not change the API.

mod delivery;
mod effect;
mod event;
mod plugin;
mod replay;

pub use delivery::{
    AttemptView, DeliveryDetail, DeliveryList, DeliverySummary, DeliveryView, DiscardResult, ListedDelivery,
    ReplayedView,
};
pub use effect::{EffectCount, EffectList, EffectSelection, EffectView, ListedEffect, TryView};
pub use event::{CauseView, ConflictView, EventList, EventState, EventSummary, EventView};
pub use plugin::{Plugin, PluginList, PluginState};
pub use replay::{
    ReplayAction, ReplayExample, ReplayList, ReplayProgress, ReplayRequest, ReplaySelection, ReplayState,
    ReplayTarget,
};
