//! The JSON of the API: requests and answers as programs see them.
//!
//! Types of other rooms are converted into these, so a change inside the host does not change the API.

mod alert;
mod audit;
mod change;
mod confirmation;
mod delivery;
mod effect;
mod erasure;
mod event;
mod group;
mod log;
mod plugin;
mod plugin_detail;
mod replay;
mod revision;
mod search;
mod session;
mod source;
mod store;
mod switch;
mod token;
mod verifier;

pub use alert::{Alert, AlertList, AlertProblem, AlertTestResult, PendingNotification};
pub use audit::{AuditCheck, AuditEntry, AuditHead, AuditList};
pub use change::{Change, ChangeKind, ChangeList};
pub use confirmation::{ConfirmationList, ConfirmationState, ConfirmationView};
pub use delivery::{
    AttemptView, DeliveryDetail, DeliveryList, DeliveryState, DeliverySummary, DeliveryView, DiscardResult,
    ListedDelivery, ReplayedView, RetryRequest, RetryResult,
};
pub use effect::{
    EffectAttemptView, EffectCount, EffectDetail, EffectList, EffectSelection, EffectState, EffectView,
    ListedEffect,
};
pub use erasure::{
    ErasureExample, ErasureProgress, ErasureRequest, ErasureSelection, ErasureState, SkippedEvents,
};
pub use event::{
    CauseView, ConflictView, EditRequest, EditedEvent, EventList, EventState, EventSummary, EventView,
    ExportedDelivery, ExportedEvent,
};
pub use group::{DeadGroup, DeadGroups, NewestDead};
pub use log::{LogLevelRequest, LogLevelView};
pub use plugin::{Plugin, PluginList, PluginState, WaitingRevision};
pub use plugin_detail::{PluginDetail, PluginGrants, PluginLimits, RecentUse};
pub use replay::{
    ReplayAction, ReplayExample, ReplayList, ReplayProgress, ReplayRequest, ReplaySelection, ReplayState,
    ReplayTarget,
};
pub use revision::{
    ApprovalRequest, BuildTool, KeptRevision, RevisionDecision, RevisionDifference, RevisionEntry,
    RevisionHistory, RevisionInstruction, RevisionResult, RevisionState, UnpinRequest, WaitsFor,
};
pub use search::SearchIndex;
pub use session::{SessionList, SessionView};
pub use source::{
    HeaderView, SourceList, SourceSecretView, SourceTestRequest, SourceTestResult, SourceTestStep,
    SourceView, TestedEvent,
};
pub use store::{StoreEntry, StoreKey, StoreKeyList};
pub use switch::{
    HeldChoice, Matrix, MatrixPlugin, MatrixType, PluginSwitch, ReleaseProgress, SwitchList, SwitchOutcome,
    SwitchRequest,
};
pub use token::{CreatedToken, TokenList, TokenRequest, TokenState, TokenView};
pub use verifier::{VerifierItem, VerifierItemState, VerifierList};
