//! What a tuning would do, and what came of it: for people, documents and programs.

use std::fmt::Write;

use potstill_metrics::{MISSING, Unit};
use potstill_report::{Spread, escape_markdown, human};
use serde_json::{Value, json};

use super::halving::{Candidate, Fate, Halving};

/// The rounds that are to come, in a line each.
pub fn plan(halving: &Halving) -> String {
    let mut text = format!(
        "{}: {} candidates, {} of training\n",
        halving.sweep.name,
        halving.candidates.len(),
        human::duration(halving.budget.seconds)
    );
    for (round, candidates) in halving.rounds.iter().enumerate() {
        let epochs = (0..halving.candidates.len()).map(|candidate| halving.epochs(candidate, round));
        let (least, most) = epochs.fold((usize::MAX, 0), |(least, most), epochs| {
            (least.min(epochs), most.max(epochs))
        });
        let epochs = if least == most {
            most.to_string()
        } else {
            format!("{least} to {most}")
        };
        let _ = writeln!(
            text,
            "round {}: {candidates} candidates, epochs: {epochs}",
            round + 1
        );
    }
    text
}

/// Why a round is not run with some candidates: it has room for so many of all.
pub fn no_room(round: usize, [room, all]: [usize; 2], cost: f64, left: f64) -> String {
    let room = if room < 2 {
        "no more than one".to_owned()
    } else {
        room.to_string()
    };
    format!(
        "the budget has room for {room} of {all} in round {}: all would take {}, and {} are left",
        round + 1,
        human::duration(cost),
        human::duration(left.max(0.0))
    )
}

/// Why a candidate does not go on: its place among all in a round, of which so many do.
pub fn behind(
    halving: &Halving,
    round: usize,
    [place, all, keep]: [usize; 3],
    candidate: usize,
    in_time: bool,
) -> String {
    let score = score(halving, &halving.candidates[candidate], round);
    let goes_on = match keep {
        1 => "the first is kept".to_owned(),
        keep => format!("the first {keep} go on"),
    };
    let budget = if in_time { "" } else { ", for the budget is spent" };
    format!(
        "{score}, place {place} of {all} in round {}: {goes_on}{budget}",
        round + 1
    )
}

/// Why a candidate is the winner.
pub fn victory(halving: &Halving, winner: usize) -> String {
    let candidate = &halving.candidates[winner];
    let measured = candidate
        .results
        .iter()
        .rposition(|result| result.score.is_some());
    let round = measured.unwrap_or(0);
    let others = halving.candidates.iter().filter(|other| {
        let result = other.results.get(round);
        result.is_some_and(|result| result.score.is_some())
    });
    format!(
        "{}, the best of {} in round {}",
        score(halving, candidate, round),
        others.count(),
        round + 1
    )
}

/// `45.20 ± 0.30 % after 2 epochs`.
fn score(halving: &Halving, candidate: &Candidate, round: usize) -> String {
    let Some(result) = candidate.results.get(round) else {
        return MISSING.to_owned();
    };
    let plural = if result.epochs == 1 { "" } else { "s" };
    let symbol = halving
        .headline
        .as_ref()
        .map_or("", |headline| headline.unit.symbol());
    format!(
        "{} after {} epoch{plural}",
        format!("{} {symbol}", number(halving, result.score)).trim_end(),
        result.epochs
    )
}

fn number(halving: &Halving, score: Option<Spread>) -> String {
    let unit = halving
        .headline
        .as_ref()
        .map_or(Unit::None, |headline| headline.unit);
    match score {
        None => MISSING.to_owned(),
        Some(Spread { mean, std: None, .. }) => unit.number(mean),
        Some(Spread {
            mean, std: Some(std), ..
        }) => format!("{} ± {}", unit.number(mean), unit.number(std)),
    }
}

/// The candidates as rows: the winner, then those that came furthest, the best first.
fn ordered(halving: &Halving) -> Vec<&Candidate> {
    let mut all: Vec<&Candidate> = halving.candidates.iter().collect();
    let is_winner = |candidate: &Candidate| matches!(candidate.fate, Some(Fate::Winner(_)));
    let last = |candidate: &Candidate| {
        let measured = candidate
            .results
            .iter()
            .rposition(|result| result.score.is_some());
        measured.map(|round| (round, candidate.results[round].score))
    };
    all.sort_by(|one, other| {
        let by_score = || match (last(one), last(other)) {
            (Some((one, Some(first))), Some((other, Some(second)))) => {
                let gain = halving
                    .headline
                    .as_ref()
                    .map_or(0.0, |headline| headline.gain(second.mean, first.mean));
                other.cmp(&one).then(gain.total_cmp(&0.0))
            }
            (one, other) => other.is_some().cmp(&one.is_some()),
        };
        is_winner(other).cmp(&is_winner(one)).then_with(by_score)
    });
    all
}

/// The table, cell by cell: the header first.
fn rows(halving: &Halving) -> Vec<Vec<String>> {
    let symbol = halving
        .headline
        .as_ref()
        .map_or("", |headline| headline.unit.symbol());
    let mut header = vec!["candidate".to_owned()];
    let count = halving
        .candidates
        .iter()
        .map(|candidate| candidate.results.len())
        .max()
        .unwrap_or(0);
    header.extend((1..=count).map(|round| format!("round {round} {symbol}").trim_end().to_owned()));
    header.extend(["time".to_owned(), "what became of it".to_owned()]);
    let row = |candidate: &Candidate| {
        let mut row = vec![candidate.cell.clone()];
        row.extend((0..count).map(|round| match candidate.results.get(round) {
            Some(result) => number(halving, result.score),
            None => MISSING.to_owned(),
        }));
        let seconds: f64 = candidate.results.iter().map(|result| result.seconds).sum();
        row.push(human::duration(seconds));
        row.push(fate(candidate));
        row
    };
    std::iter::once(header)
        .chain(ordered(halving).into_iter().map(row))
        .collect()
}

fn fate(candidate: &Candidate) -> String {
    match &candidate.fate {
        Some(Fate::Winner(reason)) => format!("winner: {reason}"),
        Some(Fate::Dropped(reason)) => reason.clone(),
        None => MISSING.to_owned(),
    }
}

/// The table for a terminal, and where the winner's recipe is.
pub fn text(halving: &Halving) -> String {
    let rows = rows(halving);
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let blanks = " ".repeat(width(column) - cell.chars().count());
            format!("{cell}{blanks}  ")
        });
        text += cells.collect::<String>().trim_end();
        text.push('\n');
    }
    text + "\n" + &ending(halving)
}

/// What is said below the table.
fn ending(halving: &Halving) -> String {
    let headline = halving
        .headline
        .as_ref()
        .map_or("the headline", |headline| headline.label.as_ref());
    let spent = human::duration(halving.spent());
    let mut text = format!(
        "{headline} on the validation images after the last epoch of the round; {spent} of {} are spent\n",
        human::duration(halving.budget.seconds)
    );
    if halving.winner().is_some() {
        let recipe = halving.folder.join(super::written::WINNER);
        let _ = writeln!(
            text,
            "the winner's recipe, with all its epochs: {}",
            recipe.display()
        );
    }
    text
}

/// The table for a document.
pub fn markdown(halving: &Halving) -> String {
    let rows = rows(halving);
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let escaped = |row: &Vec<String>| line(row.iter().map(|cell| escape_markdown(cell)).collect());
    let mut text = format!("# {}\n\n", escape_markdown(&halving.sweep.name));
    text += &escaped(&rows[0]);
    text += &line(rows[0].iter().map(|_| "---".to_owned()).collect());
    text.extend(rows[1..].iter().map(escaped));
    text.push('\n');
    let ending = ending(halving);
    text.extend(
        ending
            .lines()
            .map(|line| format!("- {}\n", escape_markdown(line))),
    );
    text
}

/// Everything for a program.
pub fn json(halving: &Halving) -> Value {
    let rounds = halving.rounds.iter().enumerate();
    let rounds: Vec<Value> = rounds
        .map(|(round, candidates)| json!({ "round": round + 1, "candidates": candidates }))
        .collect();
    let headline = halving.headline.as_ref();
    let recipe = halving.folder.join(super::written::WINNER);
    json!({
        "name": halving.sweep.name,
        "folder": halving.folder,
        "budget_hours": halving.budget.in_hours(),
        "spent_hours": halving.spent() / 3600.0,
        "metric": headline.map(|headline| headline.name.clone()),
        "rounds": rounds,
        "candidates": ordered(halving).into_iter().map(|one| candidate(halving, one)).collect::<Vec<_>>(),
        "winner": halving.winner().map(|winner| json!({ "cell": winner.cell, "recipe": recipe })),
    })
}

fn candidate(halving: &Halving, candidate: &Candidate) -> Value {
    let choices = candidate.runs[0].choices.iter();
    let choices: serde_json::Map<String, Value> = choices
        .map(|(axis, choice)| (axis.clone(), json!(choice)))
        .collect();
    let results = candidate.results.iter().enumerate();
    let results: Vec<Value> = results
        .map(|(round, result)| {
            json!({
                "round": round + 1,
                "epochs": result.epochs,
                "score": result.score,
                "seconds": result.seconds,
            })
        })
        .collect();
    let verdict = match &candidate.fate {
        Some(Fate::Winner(_)) => "winner",
        Some(Fate::Dropped(_)) => "dropped",
        None => "open",
    };
    let index = halving
        .candidates
        .iter()
        .position(|one| one.cell == candidate.cell);
    json!({
        "cell": candidate.cell,
        "choices": choices,
        "turn": index.map(|index| index + 1),
        "rounds": results,
        "verdict": verdict,
        "reason": match &candidate.fate {
            Some(Fate::Winner(reason) | Fate::Dropped(reason)) => Value::from(reason.clone()),
            None => Value::Null,
        },
    })
}
