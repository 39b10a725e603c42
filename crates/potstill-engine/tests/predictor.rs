//! A network ready for use: images of any size, agreement with a teacher whose classes have another order.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::sync::Arc;

use potstill_data::{Dataset, Image, InMemory, Split, open};
use potstill_engine::{EvaluationSettings, Predictor, Preprocess, VisionModel};

const DATA: &str = "shapes:size=16,train=8,test=40,classes=4";

/// An untrained network that knows the classes of the data by these names.
fn predictor(names: &[String]) -> Predictor {
    let model = VisionModel::build("cifar_resnet8", 4, 3).unwrap();
    Predictor {
        class_names: names.to_vec(),
        ..Predictor::from(&model)
    }
}

fn data() -> Arc<dyn Dataset> {
    open(DATA, Split::Test).unwrap().into()
}

#[test]
fn a_teacher_is_compared_by_the_names_of_its_classes() {
    let data = data();
    let names = data.classes().to_vec();
    let network = predictor(&names);
    let mut turned = names.clone();
    turned.rotate_left(1);
    // The same outputs under other names are other answers.
    let teacher = predictor(&turned);
    let prepared = network.prepare(Arc::clone(&data)).unwrap();
    let agreement = |teacher: &Predictor| {
        let settings = EvaluationSettings {
            teacher: Some(teacher),
            ..EvaluationSettings::default()
        };
        let found = network.evaluate(&prepared, &settings, &mut |_| ()).unwrap();
        found.details.agreement.unwrap()
    };
    let itself = agreement(&network);
    assert_eq!((itself.top1, itself.divergence), (100.0, 0.0));

    // By hand: both are asked, and their classes and probabilities compared by name.
    let images: Vec<Image> = (0..data.len()).map(|at| data.image(at).unwrap()).collect();
    let [ours, theirs] = [&network, &teacher].map(|predictor| predictor.ask(&images, 4).unwrap());
    let (mut same, mut divergence) = (0, 0.0);
    for (own, taught) in ours.iter().zip(&theirs) {
        same += usize::from(own[0].class == taught[0].class);
        for class in taught {
            let own = own.iter().find(|other| other.class == class.class).unwrap();
            let (p, q) = (f64::from(class.probability), f64::from(own.probability));
            divergence += p * (p / q).ln();
        }
    }
    let found = agreement(&teacher);
    assert_eq!(found.top1, 100.0 * same as f64 / 40.0);
    assert!((found.divergence - divergence / 40.0).abs() < 1e-5, "{found:?}");
    assert!(found.divergence > 0.0);

    let stranger = predictor(&["a", "b", "c", "d"].map(String::from));
    let settings = EvaluationSettings {
        teacher: Some(&stranger),
        ..EvaluationSettings::default()
    };
    let refused = network.evaluate(&prepared, &settings, &mut |_| ()).unwrap_err();
    assert!(refused.to_string().contains("does not know"), "{refused}");
}

#[test]
fn without_names_classes_go_by_position_and_that_is_said() {
    let prepared = predictor(&[]).prepare(data()).unwrap();
    assert!(
        prepared.notes[0].contains("nothing says what the network's classes are called"),
        "{:?}",
        prepared.notes
    );
    let fewer: Arc<dyn Dataset> = open("shapes:size=16,train=8,test=40,classes=3", Split::Test)
        .unwrap()
        .into();
    let refused = predictor(&[])
        .prepare(Arc::clone(&fewer))
        .err()
        .unwrap()
        .to_string();
    assert!(
        refused.contains("cifar_resnet8 has 4 classes, ") && refused.contains("has 3"),
        "{refused}"
    );
    let named = predictor(data().classes()).prepare(fewer).unwrap();
    assert_eq!(named.missing_classes.len(), 1);
}

#[test]
fn images_of_any_size_and_in_colours_are_taken() {
    let image = |height: usize, width: usize, channels: usize| Image {
        height,
        width,
        channels,
        pixels: (0..height * width * channels)
            .map(|at| (at * 7 % 256) as u8)
            .collect(),
    };
    let sized = Predictor {
        preprocess: Preprocess::to_size([16, 16]),
        ..predictor(&[])
    };
    let images = [image(16, 16, 3), image(40, 24, 3), image(9, 30, 1)];
    let answers = sized.ask(&images, 4).unwrap();
    for (image, answer) in images.iter().zip(&answers) {
        assert_eq!(sized.ask(std::slice::from_ref(image), 4).unwrap()[0], *answer);
    }
    // As they are, they are taken too, one size after the other.
    assert_eq!(predictor(&[]).ask(&images[..2], 1).unwrap().len(), 2);
    let refused = sized.ask(&[image(16, 16, 4)], 1).unwrap_err().to_string();
    assert!(refused.contains("4 channels, the network takes 3"), "{refused}");

    // A grey picture of a data set is shown in three channels.
    let grey = InMemory::classification(vec![image(20, 20, 1)], vec![0], ["0", "1", "2", "3"]).unwrap();
    let prepared = sized.prepare(Arc::new(grey)).unwrap();
    assert_eq!(prepared.data.image(0).unwrap().channels, 3);
    assert!(
        prepared.notes.iter().any(|note| note.contains("grey")),
        "{:?}",
        prepared.notes
    );
}
