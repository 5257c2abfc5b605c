//! The state of the full-screen view and its drawing. It knows neither the terminal nor the queue.

use flow::{clock::Millis, lane::Lane, queue::Pause};
use indicatif::HumanCount;
use monitor::{failures::FailureGroup, host::HostView, snapshot::Snapshot};
use ratatui::{
    Frame,
    crossterm::event::{KeyCode, KeyEvent, KeyModifiers},
    layout::{Constraint, Layout, Rect},
    style::{Modifier, Style, Stylize},
    text::Line,
    widgets::{Block, Borders, Clear, Paragraph, Row, Table},
};

use crate::output::{clock_time, counted, short_span};

/// The smallest screen that the view fits on.
const COLUMNS_MIN: u16 = 40;
const LINES_MIN: u16 = 12;
/// Below this width the reason of a pause is one word.
const NARROW_COLUMNS: u16 = 76;
/// The room for the names of statuses.
const KIND_COLUMNS: u16 = 25;
const HELP: &str = "q      quit
arrows choose a lane or a failure (Tab changes between them)
p      pause or resume the chosen lane
r      try the chosen failures again, after a question
/      show only hosts and failures with these letters; Esc shows all
?      this help; any key closes it";

/// A request of the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// End the view.
    Quit,
    /// Pause or resume a lane.
    SetPaused(Lane, Pause),
    /// Try all documents of a group of failures again.
    Retry(FailureGroup),
}

/// The part of the screen whose rows are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Panel {
    Lanes,
    Failures,
}

/// The meaning of the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mode {
    Normal,
    /// Letters change the filter.
    Filter,
    /// `y` tries this group again.
    AskRetry(FailureGroup),
    Help,
}

/// The view.
#[derive(Debug)]
pub(super) struct View {
    run: String,
    snapshot: Option<Snapshot>,
    /// The error of the last reading, or what the last action did.
    message: String,
    panel: Panel,
    lane: usize,
    failure: usize,
    filter: String,
    mode: Mode,
}

impl View {
    pub(super) fn new(run: String) -> Self {
        let (panel, mode) = (Panel::Lanes, Mode::Normal);
        let (message, filter) = (String::new(), String::new());
        Self { run, snapshot: None, message, panel, lane: 0, failure: 0, filter, mode }
    }

    /// Shows a snapshot, or keeps the last one and says why there is no newer one.
    pub(super) fn update(&mut self, snapshot: Result<Snapshot, String>) {
        match snapshot {
            Ok(snapshot) => self.snapshot = Some(snapshot),
            Err(error) => self.message = error,
        }
        self.failure = self.failure.min(self.failures().len().saturating_sub(1));
    }

    pub(super) fn say(&mut self, message: String) {
        self.message = message;
    }

    /// Returns what a key asks for.
    pub(super) fn press(&mut self, key: KeyEvent) -> Option<Action> {
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            return Some(Action::Quit);
        }
        match std::mem::replace(&mut self.mode, Mode::Normal) {
            Mode::Help => None,
            Mode::AskRetry(group) => {
                let is_yes = matches!(key.code, KeyCode::Char('y' | 'Y'));
                self.message = if is_yes { String::new() } else { "Nothing was changed.".to_owned() };
                is_yes.then_some(Action::Retry(group))
            }
            Mode::Filter => {
                self.edit_filter(key.code);
                None
            }
            Mode::Normal => self.command(key.code),
        }
    }

    fn edit_filter(&mut self, key: KeyCode) {
        match key {
            KeyCode::Esc => return self.filter.clear(),
            KeyCode::Enter => return,
            KeyCode::Backspace => drop(self.filter.pop()),
            KeyCode::Char(letter) => self.filter.push(letter),
            _ => {}
        }
        (self.mode, self.failure) = (Mode::Filter, 0);
    }

    fn command(&mut self, key: KeyCode) -> Option<Action> {
        self.message.clear();
        match key {
            KeyCode::Char('q') => return Some(Action::Quit),
            KeyCode::Char('?' | 'h') => self.mode = Mode::Help,
            KeyCode::Char('/') => self.mode = Mode::Filter,
            KeyCode::Esc => self.filter.clear(),
            KeyCode::Tab | KeyCode::BackTab | KeyCode::Left | KeyCode::Right => {
                self.panel = if self.panel == Panel::Lanes { Panel::Failures } else { Panel::Lanes };
            }
            KeyCode::Up => self.step(-1),
            KeyCode::Down => self.step(1),
            KeyCode::Char('p') => {
                let lane = Lane::ALL[self.lane];
                let is_paused = self.snapshot.as_ref()?.lanes[lane.name()].counts.paused;
                let pause = if is_paused { Pause::Running } else { Pause::Paused };
                return Some(Action::SetPaused(lane, pause));
            }
            KeyCode::Char('r') => match self.failures().get(self.failure) {
                Some(group) => self.mode = Mode::AskRetry((*group).clone()),
                None => self.message = "Nothing failed.".to_owned(),
            },
            _ => {}
        }
        None
    }

    fn step(&mut self, by: isize) {
        let count = self.failures().len();
        let (at, count) = match self.panel {
            Panel::Lanes => (&mut self.lane, Lane::ALL.len()),
            Panel::Failures => (&mut self.failure, count),
        };
        *at = at.saturating_add_signed(by).min(count.saturating_sub(1));
    }

    /// Returns the failures that the filter takes.
    fn failures(&self) -> Vec<&FailureGroup> {
        let all = self.snapshot.iter().flat_map(|snapshot| &snapshot.failures);
        all.filter(|group| self.takes(&group.kind) || group.examples.iter().any(|id| self.takes(id)))
            .collect()
    }

    fn takes(&self, text: &str) -> bool {
        text.to_lowercase().contains(&self.filter.to_lowercase())
    }

    /// Draws the view. `now` is the time at which the snapshot was taken.
    pub(super) fn draw(&self, frame: &mut Frame<'_>, now: Millis) {
        let area = frame.area();
        if area.width < COLUMNS_MIN || area.height < LINES_MIN {
            let said = format!("This view needs {COLUMNS_MIN} columns and {LINES_MIN} lines. q quits.");
            return frame
                .render_widget(Paragraph::new(said).wrap(ratatui::widgets::Wrap { trim: true }), area);
        }
        let Some(snapshot) = &self.snapshot else {
            let said = if self.message.is_empty() { "Reading the queue …" } else { &self.message };
            return frame
                .render_widget(Paragraph::new(said).wrap(ratatui::widgets::Wrap { trim: true }), area);
        };
        let [head, lanes, hosts, failures, foot] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(5),
            Constraint::Fill(2),
            Constraint::Fill(1),
            Constraint::Length(1),
        ])
        .areas(area);
        frame.render_widget(Paragraph::new(self.headline(snapshot)).bold(), head);
        self.draw_lanes(frame, lanes, snapshot);
        self.draw_hosts(frame, hosts, snapshot, now);
        self.draw_failures(frame, failures, snapshot);
        frame.render_widget(Paragraph::new(self.footline()), foot);
        if self.mode == Mode::Help {
            let [_, middle, _] =
                Layout::vertical([Constraint::Fill(1), Constraint::Length(8), Constraint::Fill(1)])
                    .areas(area);
            frame.render_widget(Clear, middle);
            frame.render_widget(Paragraph::new(HELP).block(Block::bordered().title("Keys")), middle);
        }
    }

    fn headline(&self, snapshot: &Snapshot) -> Line<'static> {
        let left = match snapshot.seconds_left {
            _ if snapshot.pending == 0 => "all work is done".to_owned(),
            Some(seconds) => format!("about {} left", short_span(seconds * 1_000)),
            None if snapshot.workers.values().all(|workers| *workers == 0) => "no stage runs".to_owned(),
            None => "the time left is not known yet".to_owned(),
        };
        let dead = match snapshot.dead {
            0 => "nothing failed".to_owned(),
            dead => format!("{} failed", HumanCount(dead)),
        };
        let listed = match snapshot.unfed {
            0 => String::new(),
            unfed => format!(" ({} still in the lists)", HumanCount(unfed)),
        };
        Line::from(format!("{}: {} left{listed}, {dead}, {left}", self.run, counted(snapshot.pending, "job")))
    }

    fn draw_lanes(&self, frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot) {
        let rows = Lane::ALL.iter().enumerate().map(|(at, lane)| {
            let row = &snapshot.lanes[lane.name()].counts;
            let numbers = [
                row.ready,
                row.delayed,
                row.leased,
                row.done,
                row.dead,
                snapshot.lanes[lane.name()].done_last_minute,
            ];
            let state = if row.paused { "paused" } else { "" };
            let mut cells = vec![lane.name().to_owned()];
            cells.extend(numbers.map(|number| HumanCount(number).to_string()));
            cells.push(state.to_owned());
            Row::new(cells).style(self.style(Panel::Lanes, at == self.lane))
        });
        let header = ["lane", "ready", "delayed", "active", "done", "failed", "last min", ""];
        let widths = [8, 9, 8, 6, 9, 7, 8, 6].map(Constraint::Length);
        let table = Table::new(rows, widths).header(Row::new(header).style(Modifier::DIM));
        frame.render_widget(table, area);
    }

    fn draw_hosts(&self, frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot, now: Millis) {
        let mut hosts: Vec<&HostView> = snapshot.hosts.iter().filter(|host| self.takes(&host.host)).collect();
        // Those that hold the run up come first.
        hosts.sort_by_key(|host| std::cmp::Reverse(host.state));
        let title = match hosts.len() as u64 {
            shown if shown < snapshot.hosts_total => {
                format!("Hosts ({shown} of {})", HumanCount(snapshot.hosts_total))
            }
            _ => "Hosts".to_owned(),
        };
        let is_narrow = area.width < NARROW_COLUMNS;
        let rows = hosts.into_iter().map(|host| {
            let until = host.for_ms.map(|for_ms| clock_time(now.saturating_add(for_ms))).unwrap_or_default();
            let texts = HumanCount(host.pending()).to_string();
            let style = if host.state.is_held() { Style::new().yellow() } else { Style::new() };
            let mut why = host.reason().unwrap_or_default();
            // The status without its name.
            if is_narrow && let Some((code, _)) = why.split_once(' ') {
                why = code.to_owned();
            }
            Row::new([host.host.clone(), host.state.name().to_owned(), until, texts, why]).style(style)
        });
        let widths = [
            Constraint::Fill(1),
            Constraint::Length(8),
            Constraint::Length(12),
            Constraint::Length(7),
            Constraint::Length(if is_narrow { 11 } else { KIND_COLUMNS }),
        ];
        let table = Table::new(rows, widths)
            .header(Row::new(["host", "state", "until", "texts", "reason"]).style(Modifier::DIM))
            .block(Block::new().borders(Borders::TOP).title(title));
        frame.render_widget(table, area);
    }

    fn draw_failures(&self, frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot) {
        let title = format!("Failures ({})", HumanCount(snapshot.dead));
        let block = Block::new().borders(Borders::TOP).title(title);
        let groups = self.failures();
        if groups.is_empty() {
            let said = if self.filter.is_empty() { "Nothing failed." } else { "No failure matches." };
            return frame.render_widget(Paragraph::new(said).block(block), area);
        }
        let rows = groups.iter().enumerate().map(|(at, group)| {
            let count = HumanCount(group.count).to_string();
            let cells = [count, group.lane.name().to_owned(), group.kind.clone(), group.examples.join(", ")];
            Row::new(cells).style(self.style(Panel::Failures, at == self.failure))
        });
        let widths = [
            Constraint::Length(8),
            Constraint::Length(8),
            Constraint::Length(KIND_COLUMNS),
            Constraint::Fill(1),
        ];
        frame.render_widget(Table::new(rows, widths).block(block), area);
    }

    /// Returns the style of a row. The chosen row is reversed, which does not depend on colours.
    fn style(&self, panel: Panel, is_chosen: bool) -> Style {
        match is_chosen {
            true if panel == self.panel => Style::new().reversed(),
            true => Style::new().bold(),
            false => Style::new(),
        }
    }

    fn footline(&self) -> String {
        match &self.mode {
            Mode::Filter => format!("/{}", self.filter),
            Mode::AskRetry(group) => {
                let documents = counted(group.count, "document");
                format!("Try {documents} again ({}, {})? y or n", group.lane.name(), group.kind)
            }
            Mode::Normal | Mode::Help if !self.message.is_empty() => self.message.clone(),
            Mode::Normal | Mode::Help if !self.filter.is_empty() => {
                format!("Only what contains '{}'. Esc shows all", self.filter)
            }
            Mode::Normal | Mode::Help => "q quit  p pause  r retry  / filter  ? help".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use flow::{
        failure::{Failure, Reason},
        job::Group,
        queue::{GroupPause, GroupStats, QueueDetails, QueueStats},
    };
    use monitor::snapshot::Waits;
    use ratatui::{Terminal, backend::TestBackend};

    use super::*;

    fn snapshot() -> Snapshot {
        let mut stats = QueueStats::default();
        (stats.lanes[0].ready, stats.lanes[0].workers, stats.lanes[1].done) = (1_234, 1, 5);
        stats.lanes[0].dead = 9;
        let mut details = QueueDetails { owner_ms: 60_000, ..QueueDetails::default() };
        let why = Some(Failure::new(Reason::HttpStatus, "http://a.example/x: 429 Too Many Requests"));
        let pause = Some(GroupPause { for_ms: 40_000, why });
        let group = |name: &str, pause| GroupStats {
            group: Some(Group(name.into())),
            ready: 617,
            delayed: 0,
            in_flight: 0,
            pause,
        };
        details.lanes[0].groups = vec![group("b.example", None), group("a.example", pause)];
        details.lanes[0].groups_total = 2;
        let failure = |kind: &str, count| FailureGroup {
            lane: Lane::Fetch,
            reason: Reason::HttpStatus,
            kind: kind.to_owned(),
            count,
            examples: vec!["PG84".to_owned()],
        };
        let failures = vec![failure("404 Not Found", 6), failure("410 Gone", 3)];
        Snapshot::of(&stats, &details, &Waits::default(), failures)
    }

    fn screen(view: &View, columns: u16, lines: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(columns, lines)).unwrap();
        terminal.draw(|frame| view.draw(frame, 1_764_490_000_000)).unwrap();
        let buffer = terminal.backend().buffer();
        let line =
            |y| (0..columns).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
        (0..lines).map(line).collect()
    }

    fn press(view: &mut View, keys: &str) -> Option<Action> {
        keys.chars().fold(None, |_, key| {
            let code = match key {
                '\t' => KeyCode::Tab,
                'v' => KeyCode::Down,
                '\n' => KeyCode::Enter,
                '\u{1b}' => KeyCode::Esc,
                key => KeyCode::Char(key),
            };
            view.press(code.into())
        })
    }

    fn view() -> View {
        let mut view = View::new("corpus".to_owned());
        view.update(Ok(snapshot()));
        view
    }

    #[test]
    fn paused_hosts_come_first_with_time_and_reason() {
        for (columns, lines) in [(60, 24), (80, 24), (120, 40)] {
            let screen = screen(&view(), columns, lines);
            let all = screen.join("\n");
            let at = |text: &str| {
                screen.iter().position(|line| line.contains(text)).unwrap_or_else(|| panic!("{all}"))
            };
            assert!(screen[0].starts_with("corpus: 1,234 jobs left, 9 failed"), "{all}");
            assert!(at("a.example") < at("b.example"), "{all}");
            let host = &screen[at("a.example")];
            assert!(
                host.contains("paused") && host.contains("08:07:20 UTC") && host.contains("617"),
                "{all}"
            );
            assert!(screen[at("404")].contains('6') && at("404") < at("410"), "{all}");
            assert!(screen[usize::from(lines) - 1].starts_with("q quit"), "{all}");
        }
        assert!(screen(&view(), 80, 24).join("\n").contains("429 Too Many"));
        assert!(screen(&view(), 39, 24)[0].contains("This view needs 40 columns"));
    }

    #[test]
    fn lanes_are_paused_and_failures_tried_again_after_a_question() {
        let mut view = view();
        assert_eq!(press(&mut view, "p"), Some(Action::SetPaused(Lane::Fetch, Pause::Paused)));
        assert_eq!(press(&mut view, "vvp"), Some(Action::SetPaused(Lane::Process, Pause::Paused)));
        assert_eq!(press(&mut view, "vvvp"), Some(Action::SetPaused(Lane::Process, Pause::Paused)));
        assert_eq!(press(&mut view, "\tvr"), None);
        assert!(screen(&view, 80, 24)[23].contains("Try 3 documents again (fetch, 410 Gone)?"));
        assert_eq!(press(&mut view, "n"), None);
        assert!(screen(&view, 80, 24)[23].contains("Nothing was changed"));
        let Some(Action::Retry(group)) = press(&mut view, "ry") else { panic!("it was confirmed") };
        assert_eq!(group.kind, "410 Gone");
        assert_eq!(press(&mut view, "q"), Some(Action::Quit));
    }

    #[test]
    fn a_filter_selects_hosts_and_failures_until_escape() {
        let mut view = view();
        assert_eq!(press(&mut view, "/B.EX\nq"), Some(Action::Quit));
        let filtered = screen(&view, 80, 24).join("\n");
        assert!(filtered.contains("b.example") && !filtered.contains("a.example"), "{filtered}");
        assert!(
            filtered.contains("Hosts (1 of 2)") && filtered.contains("No failure matches."),
            "{filtered}"
        );
        press(&mut view, "\u{1b}");
        assert!(screen(&view, 80, 24).join("\n").contains("a.example"));
        press(&mut view, "?");
        assert!(screen(&view, 80, 24).join("\n").contains("Keys"));
    }

    #[test]
    fn without_a_snapshot_the_error_is_shown_and_later_the_last_state_stays() {
        let mut view = View::new("corpus".to_owned());
        assert!(screen(&view, 80, 24)[0].contains("Reading"));
        view.update(Err("there is no run".to_owned()));
        assert!(screen(&view, 80, 24)[0].contains("there is no run"));
        view.update(Ok(snapshot()));
        view.update(Err("the queue does not answer".to_owned()));
        let screen = screen(&view, 80, 24);
        assert!(screen[0].contains("1,234") && screen[23].contains("does not answer"), "{screen:#?}");
    }
}
