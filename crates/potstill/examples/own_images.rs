//! Images that a program has in memory: a teacher learns them, and a smaller student learns from the teacher.
//!
//! `cargo run --release -p potstill --example own_images`

#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use potstill::prelude::*;

/// Stripes along the rows, stripes along the columns, or a chessboard, in a colour and at a place of its own, with noise.
fn draw(class: u32, stream: &mut Stream) -> Image {
    let size = 16;
    let [shift, width] = [0.0, 2.0].map(|low| stream.uniform(low, low + 3.0) as usize);
    let colour = [0; 3].map(|_: u8| stream.uniform(120.0, 200.0));
    let mut pixels = Vec::with_capacity(size * size * 3);
    for row in 0..size {
        for column in 0..size {
            let [row, column] = [row, column].map(|place| (place + shift) / width % 2);
            let is_bright = [row == 0, column == 0, row == column][class as usize];
            let level = if is_bright { 1.0 } else { 0.4 };
            pixels.extend(
                colour.map(|value| (value * level + 100.0 * stream.normal()).clamp(0.0, 255.0) as u8),
            );
        }
    }
    Image {
        height: size,
        width: size,
        channels: 3,
        pixels,
    }
}

/// So many images of each class.
fn images(each: u32, seed: u64) -> Result<InMemory, DataError> {
    let mut stream = Seed::new(seed).stream("images", &[]);
    let labels: Vec<u32> = (0..3 * each).map(|index| index % 3).collect();
    let images = labels.iter().map(|&class| draw(class, &mut stream)).collect();
    InMemory::classification(images, labels, ["rows", "columns", "chessboard"])
}

/// A small student with few images, alone so far.
fn student() -> potstill::Result<Distillation> {
    Ok(Distillation::new("cifar_resnet8", images(20, 3)?, images(50, 2)?)
        .epochs(20)
        .batch(15))
}

pub(crate) fn main() -> potstill::Result<()> {
    let teacher = Distillation::new("cifar_resnet20", images(100, 1)?, images(50, 2)?)
        .epochs(6)
        .batch(25)
        .run(&mut NoObserver)?;
    let alone = student()?.run(&mut NoObserver)?;
    let taught = student()?
        .teacher(teacher.student.clone())
        .method("kd", 0.9, Kd::with_temperature(4.0))
        .task_weight(0.1)
        .run(&mut NoObserver)?;
    for (name, result) in [("teacher", &teacher), ("alone", &alone), ("taught", &taught)] {
        println!("{name:<8} {:>6.2} % of the test images", result.metrics()["top1"]);
    }

    // The student is a network like any other.
    let mut stream = Seed::new(9).stream("images", &[]);
    let logits = taught.student.logits(&[draw(2, &mut stream)])?;
    let class = logits
        .argmax(1)
        .into_data()
        .iter::<i32>()
        .next()
        .unwrap_or_default();
    println!(
        "a chessboard is seen as: {}",
        taught.student.class_names[class as usize]
    );
    Ok(())
}
