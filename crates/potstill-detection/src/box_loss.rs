//! By what a detector's boxes are taught.

/// A measure of the overlap of two boxes whose loss has a gradient also where they lie apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverlapLoss {
    /// Less the share of the smallest box around both that neither covers (Rezatofighi et al. 2019).
    Generalized,
    /// Less the squared distance of the middles, by the squared diagonal of the smallest box around both (Zheng et al. 2020).
    Distance,
    /// As the distance, and less the difference of the boxes' proportions (Zheng et al. 2020). Its weight is a constant.
    Complete,
}

/// By what a detector's boxes are taught.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoxLoss {
    /// The L1 distance of the codes.
    L1,
    /// The overlap of the decoded boxes.
    Overlap(OverlapLoss),
}
