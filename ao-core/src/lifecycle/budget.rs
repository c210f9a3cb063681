//! What sessions have used, and whether that is more than they may.

use std::collections::BTreeSet;
use std::fmt;

use crate::config::{Budget, Budgets};
use crate::model::facts::Session;
use crate::model::{Dollars, ProjectName, SessionId, Timestamp};
use crate::prices::Prices;
use crate::slots::agent::ModelUsage;
use crate::text::one_line;

/// How much of a model's name a human is told, in characters.
const MODEL_COLUMNS: usize = 80;

/// What the ids of notices about budgets begin with: no name of a project, with which those of reactions begin.
const NOTICES: &str = "*budget/";

/// What was used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Tokens: those that were read, those that were written, and those from and into caches.
    pub tokens: u64,
    /// What that cost, as far as prices are known.
    pub cost: Dollars,
    /// The models whose tokens have no price, by name.
    pub unpriced: BTreeSet<String>,
}

impl Spent {
    /// What was used of these models.
    #[must_use]
    pub fn of<'a>(usage: impl IntoIterator<Item = &'a ModelUsage>, prices: &Prices) -> Self {
        let mut spent = Self::default();
        for used in usage {
            spent.tokens = spent.tokens.saturating_add(used.tokens());
            match prices.cost(used) {
                Some(cost) => spent.cost = Dollars::from_micros(spent.cost.micros().saturating_add(cost.micros())),
                None => drop(spent.unpriced.insert(used.model.clone())),
            }
        }
        spent
    }

    /// What all conversations of a session have used, whether it has ended or not.
    #[must_use]
    pub fn of_session(session: &Session, prices: &Prices) -> Self {
        session.agent.as_ref().map_or_else(Self::default, |agent| Self::of(agent.spent(), prices))
    }

    /// What all sessions of the project in this directory have used, those that have ended among them.
    #[must_use]
    pub fn of_project<'a>(
        project: (&ProjectName, &camino::Utf8Path),
        sessions: impl IntoIterator<Item = &'a Session>,
        prices: &Prices,
    ) -> Self {
        let is_of_it = |session: &&Session| (&session.project, &*session.project_path) == project;
        let each = sessions.into_iter().filter(is_of_it).map(|session| Self::of_session(session, prices));
        each.fold(Self::default(), Self::and)
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.cost = Dollars::from_micros(self.cost.micros().saturating_add(other.cost.micros()));
        self.unpriced.extend(other.unpriced);
        self
    }

    /// Whether nothing was used.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.tokens == 0 && self.cost == Dollars::default()
    }
}

/// What is left of a budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Tokens, where they are limited.
    pub tokens: Option<u64>,
    /// US dollars, where they are limited.
    pub usd: Option<Dollars>,
}

impl Left {
    /// What of a budget is left.
    #[must_use]
    pub fn of(budget: Budget, spent: &Spent) -> Self {
        let usd = |limit: Dollars| Dollars::from_micros(limit.micros().saturating_sub(spent.cost.micros()));
        Self { tokens: budget.tokens.map(|limit| limit.saturating_sub(spent.tokens)), usd: budget.usd.map(usd) }
    }
}

/// A budget in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BudgetKey {
    /// A session's tokens.
    SessionTokens,
    /// A session's dollars.
    SessionUsd,
    /// The tokens of a project's sessions together.
    ProjectTokens,
    /// The dollars of a project's sessions together.
    ProjectUsd,
}

impl BudgetKey {
    /// The key in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SessionTokens => "budgets.session.tokens",
            Self::SessionUsd => "budgets.session.usd",
            Self::ProjectTokens => "budgets.project.tokens",
            Self::ProjectUsd => "budgets.project.usd",
        }
    }
}

impl fmt::Display for BudgetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How much of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many tokens.
    Tokens(u64),
    /// So many dollars.
    Usd(Dollars),
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tokens(tokens) => write!(f, "{tokens} tokens"),
            Self::Usd(dollars) => dollars.fmt(f),
        }
    }
}

/// A budget that is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overrun {
    /// Which.
    pub key: BudgetKey,
    /// How much it is.
    pub limit: Amount,
    /// How much was used.
    pub used: Amount,
}

/// The budget that a session has used up, its own or its project's; the first, where there are several. What has been used to
/// the last token is used up.
#[must_use]
pub fn overrun(budgets: &Budgets, session: &Spent, project: &Spent) -> Option<Overrun> {
    let own = used_up(budgets.session, session, [BudgetKey::SessionTokens, BudgetKey::SessionUsd]);
    own.or_else(|| project_overrun(budgets, project))
}

/// The budget that a project's sessions have used up together.
#[must_use]
pub fn project_overrun(budgets: &Budgets, project: &Spent) -> Option<Overrun> {
    used_up(budgets.project, project, [BudgetKey::ProjectTokens, BudgetKey::ProjectUsd])
}

fn used_up(budget: Budget, spent: &Spent, [tokens, usd]: [BudgetKey; 2]) -> Option<Overrun> {
    let of_tokens = budget.tokens.filter(|limit| spent.tokens >= *limit).map(|limit| {
        let (limit, used) = (Amount::Tokens(limit), Amount::Tokens(spent.tokens));
        Overrun { key: tokens, limit, used }
    });
    of_tokens.or_else(|| {
        let limit = budget.usd.filter(|limit| spent.cost >= *limit)?;
        Some(Overrun { key: usd, limit: Amount::Usd(limit), used: Amount::Usd(spent.cost) })
    })
}

/// A model whose tokens a budget in dollars does not count: nobody knows what they cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uncounted {
    /// The budget.
    pub key: BudgetKey,
    /// The model, as agents name it.
    pub model: String,
}

impl Uncounted {
    /// Those of a project whose sessions have used this together.
    #[must_use]
    pub fn of(budgets: &Budgets, project: &Spent) -> Vec<Self> {
        let own = budgets.session.usd.map(|_| BudgetKey::SessionUsd);
        let Some(key) = own.or_else(|| budgets.project.usd.map(|_| BudgetKey::ProjectUsd)) else { return Vec::new() };
        project.unpriced.iter().map(|model| Self { key, model: model.clone() }).collect()
    }

    /// Names what a human is told of it, once for each project.
    #[must_use]
    pub fn notice_id(&self, project: &ProjectName, path: &camino::Utf8Path) -> String {
        format!("{NOTICES}{project}@{path}/uncounted/{}", self.model)
    }

    /// What a human is told, in one line.
    #[must_use]
    pub fn title(&self, project: &ProjectName) -> String {
        let model = one_line(&self.model, MODEL_COLUMNS);
        format!("`{}` does not count `{model}`, which sessions of `{project}` use: it has no price", self.key)
    }

    /// The rest of it: what there is to do.
    #[must_use]
    pub fn body(&self) -> String {
        "What it uses is never guessed, so that budget stops nobody who uses it. Add it to `prices` in the configuration \
         (`ao session show SESSION` names it), or set a budget in `tokens`, which needs no price."
            .to_owned()
    }
}

/// What became of the turn of an agent whose session is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It was interrupted.
    Interrupted,
    /// There was none: the agent waits for what it is told.
    None,
    /// The agent asks something, and is left alone: the question is not answered by the way.
    Asks,
    /// It goes on, for this reason.
    GoesOn {
        /// In words.
        why: String,
    },
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted => f.write_str("its agent's turn was interrupted"),
            Self::None => f.write_str("its agent waits for a message"),
            Self::Asks => f.write_str("its agent asks something, and was left alone"),
            Self::GoesOn { why } => write!(f, "its agent could not be interrupted and goes on: {why}"),
        }
    }
}

impl Overrun {
    /// Whether it is the project's.
    #[must_use]
    pub const fn is_of_project(&self) -> bool {
        matches!(self.key, BudgetKey::ProjectTokens | BudgetKey::ProjectUsd)
    }

    /// Names the interruption of a session's agent: one for each session, budget, limit and hold. `since` is when the session
    /// was held.
    #[must_use]
    pub fn interruption(&self, session: &SessionId, since: Timestamp) -> String {
        format!("{}/{}", self.named(session.as_str()), since.as_millis())
    }

    /// Names what a human is told of it: once for each hold of a session for a budget of its own, and once for each limit of
    /// a project.
    #[must_use]
    pub fn notice_id(&self, session: &Session, since: Timestamp) -> String {
        if self.is_of_project() {
            return self.named(&format!("{}@{}", session.project, session.project_path));
        }
        self.interruption(&session.id, since)
    }

    fn named(&self, whose: &str) -> String {
        let limit = match self.limit {
            Amount::Tokens(tokens) => tokens,
            Amount::Usd(dollars) => dollars.micros(),
        };
        format!("{NOTICES}{whose}/{}/{limit}", self.key)
    }

    /// Whether a notice is of a budget.
    #[must_use]
    pub fn is_notice(id: &str) -> bool {
        id.starts_with(NOTICES)
    }

    /// What a human is told of the session that it holds, or of all of the project's, in one line.
    #[must_use]
    pub fn title(&self, session: &SessionId, project: &ProjectName) -> String {
        let Self { key, limit, used } = self;
        if self.is_of_project() {
            return format!("held: `{key}` is {limit}, and the sessions of `{project}` have used {used} together");
        }
        format!("held: `{key}` is {limit}, and `{session}` has used {used}")
    }

    /// The rest of it: what its agent does, and what there is to do. Of a project it begins with what there is to do, and
    /// ends with its sessions, one a line, as they are held.
    #[must_use]
    pub fn body(&self, session: &SessionId, turn: &Turn) -> String {
        if self.is_of_project() {
            return format!(
                "Raise `{}` in the configuration, and the holds are lifted; `ao send SESSION …` then has an agent go on. \
                 `ao session kill SESSION` ends one, and its worktree stays.\n{}",
                self.key,
                held_line(session, turn)
            );
        }
        format!(
            "{turn}\nRaise `{}` in the configuration, and the hold is lifted; `ao send {session} …` then has its agent go on. \
             `ao session kill {session}` ends it, and its worktree stays.",
            self.key
        )
    }

    /// The body of a project's notice that is there already, once one more session is held.
    #[must_use]
    pub fn body_with(body: &str, session: &SessionId, turn: &Turn) -> String {
        let line = held_line(session, turn);
        if body.lines().any(|there| there == line) { body.to_owned() } else { format!("{body}\n{line}") }
    }

    /// Why one more session of the project is not started.
    #[must_use]
    pub fn refusal(&self, project: &ProjectName) -> String {
        let Self { key, limit, used } = self;
        format!(
            "`{key}` is {limit}, and the sessions of `{project}` have used {used}, ended ones too: raise it in the \
             configuration; `ao status --all` shows what each has used"
        )
    }
}

/// A held session in the notice of its project.
fn held_line(session: &SessionId, turn: &Turn) -> String {
    format!("`{session}`: {turn}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::PluginName;
    use crate::model::facts::{AgentFacts, End, EndKind};

    fn budgets(session: (u64, u64), project: (u64, u64)) -> Budgets {
        let some = |limit: u64| (limit > 0).then_some(limit);
        let budget = |(tokens, micros)| Budget { tokens: some(tokens), usd: some(micros).map(Dollars::from_micros) };
        Budgets { session: budget(session), project: budget(project) }
    }

    fn spent(tokens: u64, micros: u64) -> Spent {
        Spent { tokens, cost: Dollars::from_micros(micros), unpriced: BTreeSet::new() }
    }

    fn used(model: &str, output: u64) -> ModelUsage {
        let mut usage = ModelUsage::new(model);
        usage.output_tokens = output;
        usage
    }

    #[test]
    fn the_first_budget_that_is_used_up_is_named() {
        use BudgetKey::{ProjectTokens, ProjectUsd, SessionTokens, SessionUsd};
        for (session, project, expected) in [
            ((0, 0), (0, 0), None),
            ((11, 6), (101, 61), None),
            ((10, 0), (0, 0), Some(SessionTokens)),
            ((9, 1), (1, 1), Some(SessionTokens)),
            ((11, 5), (1, 1), Some(SessionUsd)),
            ((0, 0), (100, 1), Some(ProjectTokens)),
            ((11, 6), (101, 60), Some(ProjectUsd)),
        ] {
            let found = overrun(&budgets(session, project), &spent(10, 5), &spent(100, 60));
            assert_eq!(found.map(|found| found.key), expected, "{session:?} {project:?}");
        }
    }

    #[test]
    fn a_human_is_told_what_which_and_how_much() {
        let (id, app): (SessionId, ProjectName) = ("app-1".parse().unwrap(), "app".parse().unwrap());
        let over =
            |session, project| overrun(&budgets(session, project), &spent(12, 5_020_000), &spent(99, 7)).unwrap();
        let own = over((0, 5_000_000), (0, 0));
        assert_eq!(own.title(&id, &app), "held: `budgets.session.usd` is $5.00, and `app-1` has used $5.02");
        let body = own.body(&id, &Turn::GoesOn { why: "nobody knows how".to_owned() });
        assert!(body.starts_with("its agent could not be interrupted and goes on: nobody knows how\n"), "{body}");
        assert!(body.contains("`ao session kill app-1` ends it"), "{body}");
        let at = Timestamp::from_millis;
        let session = |id: &str| Session::new(id.parse::<SessionId>().unwrap(), app.clone(), "/p", at(0));
        let named = |id: &str, since| own.notice_id(&session(id), at(since));
        assert_eq!(named("app-1", 7), "*budget/app-1/budgets.session.usd/5000000/7");
        assert_ne!(named("app-1", 7), named("app-2", 7));
        assert_ne!(named("app-1", 7), named("app-1", 8), "another hold is told anew");
        assert!(Overrun::is_notice(&named("app-1", 7)) && !Overrun::is_notice("budget/app-1/ci-failed"));
        let together = over((0, 0), (50, 0));
        assert_eq!(
            together.title(&id, &app),
            "held: `budgets.project.tokens` is 50 tokens, and the sessions of `app` have used 99 tokens together"
        );
        let of_both = ["app-1", "app-2"].map(|id| together.notice_id(&session(id), at(7)));
        assert_eq!(of_both[0], of_both[1], "told once");
        assert_ne!(together.interruption(&id, at(7)), together.interruption(&session("app-2").id, at(7)));
        let body = together.body(&id, &Turn::None);
        assert!(body.ends_with("\n`app-1`: its agent waits for a message"), "{body}");
        let other = session("app-2").id;
        let body =
            Overrun::body_with(&Overrun::body_with(&body, &other, &Turn::Interrupted), &other, &Turn::Interrupted);
        assert!(body.ends_with("waits for a message\n`app-2`: its agent's turn was interrupted"), "{body}");
        assert!(
            together
                .refusal(&app)
                .starts_with("`budgets.project.tokens` is 50 tokens, and the sessions of `app` have used 99")
        );
        let raised = over((0, 0), (60, 0));
        let named = |over: &Overrun| over.notice_id(&session("app-1"), at(7));
        assert_ne!(named(&together), named(&raised), "another limit is told anew");
    }

    #[test]
    fn ended_sessions_count_and_those_of_others_do_not() {
        let name: PluginName = "x".parse().unwrap();
        let session = |id: &str, project: &str, path: &str, tokens: u64| {
            let (id, project): (SessionId, ProjectName) = (id.parse().unwrap(), project.parse().unwrap());
            let mut session = Session::new(id, project, path, Timestamp::from_millis(0));
            let mut agent = AgentFacts::new(name.clone(), name.clone());
            // Half of it in a conversation before this one.
            agent.usage = vec![used("claude-haiku-4-5", tokens / 2), used("nobody-knows", 1)];
            agent.former_usage.insert("before".to_owned(), vec![used("claude-haiku-4-5", tokens / 2)]);
            session.agent = Some(agent);
            session
        };
        let mut there = [
            session("app-1", "app", "/p", 1_000_000),
            session("app-2", "app", "/p", 2_000_000),
            session("app-9", "app", "/elsewhere", 4_000_000),
            session("b-1", "b", "/p", 8_000_000),
        ];
        there[0].end = Some(End::new(EndKind::Killed, Timestamp::from_millis(1)));
        let app: ProjectName = "app".parse().unwrap();
        let found = Spent::of_project((&app, "/p".into()), &there, &Prices::default());
        assert_eq!((found.tokens, found.cost), (3_000_002, Dollars::from_micros(15_000_000)));
        assert_eq!(found.unpriced.into_iter().collect::<Vec<_>>(), ["nobody-knows"]);
        assert!(
            Spent::of_session(
                &Session::new("c-1".parse::<SessionId>().unwrap(), app, "/p", there[0].created_at),
                &Prices::default()
            )
            .is_none()
        );
    }

    proptest! {
        #[test]
        fn a_budget_is_used_up_exactly_where_nothing_is_left(limits in proptest::array::uniform4(0_u64..100), used in proptest::array::uniform4(0_u64..100)) {
            let (session, project) = (spent(used[0], used[1]), spent(used[2], used[3]));
            let budgets = budgets((limits[0], limits[1]), (limits[2], limits[3]));
            let gone = |budget, spent| {
                let left = Left::of(budget, spent);
                left.tokens == Some(0) || left.usd == Some(Dollars::default())
            };
            let over = overrun(&budgets, &session, &project);
            prop_assert_eq!(over.is_some(), gone(budgets.session, &session) || gone(budgets.project, &project));
            prop_assert_eq!(project_overrun(&budgets, &project).is_some(), gone(budgets.project, &project));
        }

        #[test]
        fn whoever_has_used_more_is_over_no_less(limits in proptest::array::uniform4(0_u64..100), used in proptest::array::uniform4(0_u64..100), more in 0_u64..100) {
            let budgets = budgets((limits[0], limits[1]), (limits[2], limits[3]));
            let over = |more| overrun(&budgets, &spent(used[0] + more, used[1] + more), &spent(used[2] + more, used[3] + more)).is_some();
            prop_assert!(!over(0) || over(more));
        }

        #[test]
        fn the_order_of_sessions_does_not_matter(tokens in proptest::collection::vec(0_u64..1_000_000, 0..8)) {
            let prices = Prices::default();
            let each = |output: &u64| Spent::of(&[used("o3", *output)], &prices);
            let forth = tokens.iter().map(each).fold(Spent::default(), Spent::and);
            let back = tokens.iter().rev().map(each).fold(Spent::default(), Spent::and);
            prop_assert_eq!(forth.tokens, tokens.iter().sum::<u64>());
            prop_assert_eq!(forth, back);
        }
    }
}
