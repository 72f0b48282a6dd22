import Engine
import Tensors

/// RadGraph (Jain et al., 2021) as DyGIE++ (Wadden et al., 2019) computes it: BERT, and layers over spans of words and pairs of
/// spans. Where the words are, which spans are looked at and what the scores mean is the caller's.
public final class RadGraphNetwork {
    /// The sizes of what stands above BERT.
    public struct Sizes: Sendable {
        /// The widest span in words.
        public var spanWidth: Int
        /// Channels of a span's width.
        public var featureSize: Int
        /// Channels of the hidden layers.
        public var hidden: [Int]
        /// Kinds of entities, the null left out.
        public var entities: Int
        /// Kinds of relations.
        public var relations: Int

        /// The sizes of an archive.
        public init(spanWidth: Int, featureSize: Int, hidden: [Int], entities: Int, relations: Int) {
            self.spanWidth = spanWidth
            self.featureSize = featureSize
            self.hidden = hidden
            self.entities = entities
            self.relations = relations
        }
    }

    /// Every parameter, under the names of the archive's weights.
    public let parameters: ParameterScope
    /// The reader of words.
    public let bert: BERTTextNetwork
    /// `[spanWidth, featureSize]`: the vectors of the widths.
    public let widths: Parameter
    private let entity, mention, relation: Scorer

    /// The network without weights; fill `parameters` before the first pass.
    /// - Parameter dataset: what the names of its layers begin with, such as `radgraph-xl`.
    public init(_ configuration: BERTTextConfiguration, _ sizes: Sizes, dataset: String) throws {
        let scope = ParameterScope()
        parameters = scope
        bert = try BERTTextNetwork(
            configuration,
            in: scope["_embedder"]["token_embedder_bert"]["_matched_embedder"]["transformer_model"])
        widths = scope["_endpoint_span_extractor"]["_span_width_embedding"]
            .parameter("weight", [sizes.spanWidth, sizes.featureSize])
        let span = 2 * configuration.hiddenSize + sizes.featureSize
        let entities = scope["_ner"]["_ner_scorers"][dataset + "__ner_labels"]
        entity = Scorer(entities["0"]["_module"], entities["1"]["_module"], span, sizes.hidden, sizes.entities)
        let relations = scope["_relation"]
        let pruner = relations["_mention_pruners"][dataset + "__relation_labels"]["_scorer"]
        mention = Scorer(pruner["0"]["_module"], pruner["1"]["_module"], span, sizes.hidden, 1)
        relation = Scorer(
            relations["_relation_feedforwards"][dataset + "__relation_labels"],
            relations["_relation_scorers"][dataset + "__relation_labels"], 3 * span, sizes.hidden, sizes.relations)
    }

    /// Scores of spans, f32 `[N, entities + 1]`: of each kind of entity but the null's, and of standing in a relation.
    public func spans<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value {
        try execution.concatenate([entity.forward(x, on: execution), mention.forward(x, on: execution)])
    }

    /// Scores of pairs of spans, f32 `[N, relations]`.
    public func pairs<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value {
        try relation.forward(x, on: execution)
    }

    /// Hidden layers with ReLU, and a layer of scores.
    private final class Scorer {
        private let hidden: [Linear]
        private let last: Linear

        init(_ layers: ParameterScope, _ scores: ParameterScope, _ inputs: Int, _ sizes: [Int], _ outputs: Int) {
            hidden = sizes.enumerated().map { place, size in
                Linear(layers["_linear_layers"][place], inputs: place == 0 ? inputs : sizes[place - 1], outputs: size)
            }
            last = Linear(scores, inputs: sizes.last ?? inputs, outputs: outputs)
        }

        func forward<E: Execution>(_ x: E.Value, on execution: E) throws -> E.Value {
            var x = try execution.convert(x, execution.dtype)
            for layer in hidden { x = try execution.linear(layer, x, Epilogue(activation: .relu)) }
            return try execution.linear(last, x, Epilogue(result: .f32))
        }
    }
}
