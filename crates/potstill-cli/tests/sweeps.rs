//! Sweeps as a user meets them: planned, run, interrupted, gone on with, put into one table.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::{fs, path::Path, process::Command};

use potstill_testing::command::Place;
use serde_json::Value;

const RECIPE: &str = r#"version = 1
name = "tiny"
[data]
train = "shapes:size=8,train=32,test=12,classes=3"
[student]
model = "cifar_resnet8"
[teacher]
run = "runs/tiny"
[train]
epochs = 1
batch = 16
optimizer = { kind = "sgd", lr = 0.05 }
"#;

const SWEEP: &str = r#"version = 1
name = "grid"
recipe = "tiny.toml"
seeds = 2
[axes.method]
alone = { methods = [] }
kd = { methods = [{ kind = "kd" }] }
"#;

/// A folder with a recipe and a sweep of it, in which the binary is run.
fn with_sweep(sweep: &str) -> Place {
    let place = Place::new(env!("CARGO_BIN_EXE_potstill"));
    fs::write(place.path("tiny.toml"), RECIPE).unwrap();
    fs::write(place.path("sweep.toml"), sweep).unwrap();
    place
}

/// The same where the teacher has been trained.
fn with_teacher(sweep: &str) -> Place {
    let place = with_sweep(sweep);
    place.out(&["train", "tiny.toml", "methods=[]"]);
    place
}

/// What a command says on standard error.
fn said(place: &Place, arguments: &[&str]) -> String {
    let output = place.run(arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_sweep_runs_every_cell_once_and_leaves_a_table() {
    let place = with_teacher(SWEEP);
    let planned = place.out(&["sweep", "sweep.toml", "--dry-run"]);
    assert_eq!(
        planned,
        "to do     alone/seed-0  methods=[]\n\
         to do     kd/seed-0     methods=[{ kind = \"kd\" }]\n\
         to do     alone/seed-1  methods=[]\n\
         to do     kd/seed-1     methods=[{ kind = \"kd\" }]\n"
    );
    assert!(!place.path("runs/grid").exists());
    let table = place.out(&["sweep", "sweep.toml"]);
    assert!(table.contains("none: student alone       2"), "{table}");
    let markdown = fs::read_to_string(place.path("runs/grid/table.md")).unwrap();
    assert!(markdown.contains("| cifar_resnet8 | teacher |") && markdown.contains("| kd | kd | 2 |"));
    let csv = fs::read_to_string(place.path("runs/grid/table.csv")).unwrap();
    assert_eq!(csv.lines().count(), 4, "{csv}");

    // What is finished is not run again.
    let before = fs::read(place.path("runs/grid/kd/seed-1/summary.json")).unwrap();
    let again = said(&place, &["sweep", "sweep.toml"]);
    assert_eq!(again.trim(), "grid: 4 runs of 2 cells, 4 finished");
    assert_eq!(
        fs::read(place.path("runs/grid/kd/seed-1/summary.json")).unwrap(),
        before
    );
    let json = place.json(&["sweep", "sweep.toml", "--json", "--quiet"]);
    assert_eq!(json["runs"].as_array().unwrap().len(), 4);
    assert_eq!(json["runs"][1]["choices"]["method"], "kd");
    assert_eq!(json["runs"][1]["state"], "finished");
    assert_eq!(json["table"]["setups"][0]["rows"].as_array().unwrap().len(), 3);

    // The folder of the sweep is a row for each cell, in every form.
    for (format, expected) in [
        ("text", "none: student alone       2"),
        ("csv", ",kd,cifar_resnet8,kd,top1,2,"),
        ("latex", "\\begin{tabular}"),
        ("html", "<td class=\"word\">kd</td>"),
        ("json", "\"paired\""),
    ] {
        let found = place.out(&["compare", "runs/grid", "--format", format]);
        assert!(found.contains(expected), "{format}: {found}");
    }
    assert_eq!(
        place.out(&["compare", "runs/grid", "--format", "markdown"]),
        markdown
    );

    // A recipe that has changed is told with what changed, and begun again when asked.
    let refused = place.refused(&["sweep", "sweep.toml", "train.batch=8"], 2);
    assert!(
        refused.contains("4 of the runs") && refused.contains("`train.batch` was 16 and is 8"),
        "{refused}"
    );
    place.out(&[
        "sweep",
        "sweep.toml",
        "train.batch=8",
        "--seeds",
        "1",
        "--overwrite",
    ]);
    let recipe = fs::read_to_string(place.path("runs/grid/kd/seed-0/recipe.toml")).unwrap();
    assert!(recipe.contains("batch = 8"), "{recipe}");
}

#[test]
fn nothing_is_run_before_every_cell_can_be() {
    let place = with_sweep(&format!("{SWEEP}more = {{ train.epoch = 3 }}\n"));
    let refused = place.refused(&["sweep", "sweep.toml"], 2);
    assert_eq!(
        refused.trim(),
        "error: sweep.toml:8: unknown key `train.epoch`; did you mean `train.epochs`? (in the cell `more`)"
    );
    // Options of methods are known, and so are networks and files.
    let wrong = SWEEP.replace("kind = \"kd\"", "kind = \"kd\", temprature = 2");
    let refused = with_sweep(&wrong).refused(&["sweep", "sweep.toml"], 2);
    assert!(
        refused.contains("did you mean `methods.0.temperature`?"),
        "{refused}"
    );
    let wide = format!("{SWEEP}wide = {{ student.model = \"cifar_resnet9\" }}\n");
    let place = with_sweep(&wide);
    let refused = place.refused(&["sweep", "sweep.toml"], 2);
    assert!(
        refused.contains("nothing was run") && refused.contains("kd: `teacher.run`: there is no run"),
        "{refused}"
    );
    assert!(
        refused.contains("wide: ") && refused.contains("cifar_resnet9"),
        "{refused}"
    );
    assert!(!place.path("runs").exists());
    let refused = place.refused(&["sweep", "swep.toml"], 2);
    assert!(
        refused.contains("cannot read the sweep swep.toml") && refused.contains("sweep.toml?"),
        "{refused}"
    );
    let refused = place.refused(&["sweep", "sweep.toml", "--cell", "kd/seed-7"], 2);
    assert!(refused.contains("did you mean `kd/seed-"), "{refused}");
    fs::create_dir_all(place.path("runs/grid")).unwrap();
    fs::write(place.path("runs/grid/recipe.toml"), RECIPE).unwrap();
    let refused = place.refused(&["sweep", "sweep.toml"], 2);
    assert!(refused.contains("is the folder of a run"), "{refused}");
}

/// Without a teacher, so that nothing has to be trained first.
fn rates(values: &str) -> String {
    format!(
        "version = 1\nname = \"rates\"\nrecipe = \"tiny.toml\"\nset.methods = []\n[axes.lr]\nkey = \"train.optimizer.lr\"\nvalues = {values}\n"
    )
}

#[test]
fn a_run_that_fails_stops_no_other_unless_it_is_asked() {
    let place = with_sweep(&rates("[1e30, 0.05]"));
    let refused = place.refused(&["sweep", "sweep.toml"], 1);
    assert!(
        refused.contains("1 of 2 runs failed; the same command tries them again\nlr-1e30/seed-0: "),
        "{refused}"
    );
    assert!(place.path("runs/rates/lr-0.05/seed-0/summary.json").is_file());
    let table = fs::read_to_string(place.path("runs/rates/table.md")).unwrap();
    assert!(table.contains("lr-1e30: 0 of 1 seeds are finished"), "{table}");

    let place = with_sweep(&rates("[1e30, 0.05]"));
    place.refused(&["sweep", "sweep.toml", "--stop-on-failure"], 1);
    assert!(!place.path("runs/rates/lr-0.05").exists());
}

#[test]
fn a_list_is_of_commands_that_run_one_cell_each() {
    let place = with_sweep(&rates("[0.1, 0.05]"));
    let list = place.out(&["sweep", "sweep.toml", "--list", "data.test_limit=6"]);
    assert_eq!(
        list,
        "potstill sweep sweep.toml data.test_limit=6 --runs runs --cell lr-0.1/seed-0\n\
         potstill sweep sweep.toml data.test_limit=6 --runs runs --cell lr-0.05/seed-0\n"
    );
    let words: Vec<&str> = list.lines().next().unwrap().split(' ').skip(1).collect();
    assert_eq!(place.out(&words), "", "a job prints no table");
    assert!(place.path("runs/rates/lr-0.1/seed-0/summary.json").is_file());
    assert!(!place.path("runs/rates/lr-0.05").exists());
    let left = place.out(&["sweep", "sweep.toml", "--list", "data.test_limit=6"]);
    assert_eq!(left.lines().count(), 1, "{left}");
}

#[cfg(unix)]
#[test]
fn an_interrupted_sweep_goes_on_where_it_was() {
    use std::{
        io::{BufRead, BufReader},
        process::Stdio,
    };
    let sweep = rates("[0.05, 0.1]").replace("set.methods = []", "set.methods = []\nset.train.epochs = 60");
    let place = with_sweep(&sweep);
    let mut command = place.command(&["sweep", "sweep.toml"]);
    let mut child = command
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap())
        .lines()
        .map_while(Result::ok);
    assert!(lines.by_ref().any(|line| line.contains("epoch 2/")), "it ended");
    let number = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &number])
            .status()
            .unwrap()
            .success()
    );
    let rest: Vec<String> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");
    let last = rest.last().unwrap();
    assert!(
        last.starts_with("interrupted; 0 of 2 runs are finished")
            && last.ends_with("the same command goes on"),
        "{last}"
    );
    let listed: Value = place.json(&["sweep", "sweep.toml", "--dry-run", "--json"]);
    assert_eq!(
        (&listed["runs"][0]["state"], &listed["runs"][1]["state"]),
        (&"begun".into(), &"to do".into())
    );
    let said = said(&place, &["sweep", "sweep.toml"]);
    assert!(!said.contains("epoch 1/60  lr 0.0500"), "it began again: {said}");
    // To the same bits as a run that nobody stopped.
    let whole = with_sweep(&sweep);
    whole.out(&["sweep", "sweep.toml", "--cell", "lr-0.05/seed-0"]);
    let student =
        |place: &Place| fs::read(place.path("runs/rates/lr-0.05/seed-0/student/model.safetensors")).unwrap();
    assert!(student(&place) == student(&whole));
}

#[test]
fn runs_share_what_a_teacher_says() {
    let sweep = format!(
        "{}at = {{ methods = [{{ kind = \"at\" }}] }}\n",
        SWEEP.replace("seeds = 2", "seeds = 2\nteacher_cache = true")
    );
    let place = with_teacher(&sweep);
    let cache = place.path("cache");
    let run = |arguments: &[&str]| {
        let output = place
            .command(arguments)
            .env("POTSTILL_CACHE", &cache)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    run(&["sweep", "sweep.toml"]);
    let entries = |folder: &Path| fs::read_dir(folder).unwrap().count();
    assert_eq!(
        entries(&cache.join("teachers")),
        1,
        "one teacher, one augmentation, whatever the seed"
    );
    let recipe =
        |cell: &str| fs::read_to_string(place.path(&format!("runs/grid/{cell}/recipe.toml"))).unwrap();
    for cell in ["alone/seed-1", "kd/seed-1", "at/seed-0"] {
        assert!(
            recipe(cell).contains("augment_seed = 0"),
            "{cell} sees the images of the others"
        );
    }
    // The bits are those of a run that asks its teacher.
    run(&[
        "train",
        "tiny.toml",
        "methods=[{kind=\"kd\"}]",
        "data.augment_seed=0",
        "seed=1",
        "name=asked",
    ]);
    let weights = |folder: &str| {
        let file = fs::read(place.path(&format!("runs/{folder}/student/model.safetensors"))).unwrap();
        // The header has the name of the run.
        let header = u64::from_le_bytes(file[..8].try_into().unwrap());
        file[8 + usize::try_from(header).unwrap()..].to_vec()
    };
    assert!(weights("asked") == weights("grid/kd/seed-1"));
}

#[test]
fn a_teacher_whose_answers_change_is_asked_all_the_same() {
    let sweep = format!(
        "{}ekd = {{ methods = [{{ kind = \"ekd\" }}], teacher = {{ model = \"cifar_resnet14\" }} }}\n",
        SWEEP.replace("seeds = 2", "teacher_cache = true")
    );
    let place = with_teacher(&sweep);
    let output = place
        .command(&["sweep", "sweep.toml", "--dry-run"])
        .env("POTSTILL_CACHE", place.path("cache"))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("ekd: what the teacher says is not kept: the teacher trains beside the student")
            && !said.contains("kd: what the teacher says is not kept: the teacher has"),
        "{said}"
    );
}
