/// Whose way a number is computed. `docs/protocols.md` lists every place that asks, and what differs there.
public enum Protocol: String, CaseIterable, Sendable {
    /// What CheXGenBench does, quirks and all, so that numbers can stand in its tables.
    case chexgenbench
    /// What the authors of the encoders and the papers of the metrics say.
    case exact
}
