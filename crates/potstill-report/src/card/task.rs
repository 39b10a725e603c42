//! What a model card says about each task: one row of each table here.

/// What the network is for, where a card says how to use it.
pub(super) fn use_of(task: &str, classes: usize, data: &str) -> String {
    match task {
        "classification" => {
            format!("Telling which of {classes} classes a picture like those of {data} shows")
        }
        "multi-label" => format!(
            "Telling which of {classes} classes a picture like those of {data} shows: none, one or several of them"
        ),
        "segmentation" => {
            format!("Telling which of {classes} classes every pixel of a picture like those of {data} shows")
        }
        "instance-segmentation" => {
            format!("Finding and outlining objects of {classes} classes in pictures like those of {data}")
        }
        "detection" => {
            format!("Finding objects of {classes} classes in pictures like those of {data} by their boxes")
        }
        other => format!("The task `{other}` on pictures like those of {data}"),
    }
}

/// The task as model hubs name it, if they know it.
pub(super) fn pipeline(task: &str) -> Option<&'static str> {
    match task {
        "classification" | "multi-label" => Some("image-classification"),
        "segmentation" | "instance-segmentation" => Some("image-segmentation"),
        "detection" => Some("object-detection"),
        _ => None,
    }
}
