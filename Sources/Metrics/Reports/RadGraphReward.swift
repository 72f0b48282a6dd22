import Tensors

/// What a report says, as RadGraph (Jain et al., 2021) finds it: entities, and relations between them.
public struct ReportAnnotation: Equatable, Sendable {
    /// A span of words.
    public struct Entity: Equatable, Sendable {
        /// Its words, with a space between two.
        public let tokens: String
        /// What it is, such as `Observation::definitely present`.
        public let label: String
        /// What it has to do with others, whose places count from 0.
        public let relations: [Relation]

        /// An entity with its relations.
        public init(tokens: String, label: String, relations: [Relation] = []) {
            self.tokens = tokens
            self.label = label
            self.relations = relations
        }
    }

    /// A relation to another entity.
    public struct Relation: Equatable, Sendable {
        /// What it is, such as `located_at`.
        public let kind: String
        /// The other's place in the list, from 0.
        public let entity: Int

        /// A relation to the entity of a place.
        public init(kind: String, entity: Int) {
            self.kind = kind
            self.entity = entity
        }
    }

    /// The entities, in the order of the text.
    public let entities: [Entity]

    /// Entities whose relations lead to places in the list.
    public init(_ entities: [Entity]) { self.entities = entities }
}

/// F1-RadGraph (Delbrouck et al., 2022), as the package radgraph computes it from annotations: what two reports have in common.
public enum RadGraphReward: String, CaseIterable, Sendable {
    /// Entities with their labels.
    case simple
    /// Also whether an entity has a relation: F1-RadGraph as it is usually quoted.
    case partial
    /// Also which relations, in lower case; entities without a relation stay as they are written.
    case complete

    /// The rewards of pairs of annotations and their mean, from 0 to 1; 0 where one of a pair has no entity.
    /// - Throws: `MetricError.value` for none, for different numbers of both, and for a relation that leads nowhere;
    ///   `TensorError.stopped`.
    public func score(
        candidates: [ReportAnnotation], references: [ReportAnnotation],
        _ draws: ReportInterval.Draws = .init(replicates: 0, seed: 3)
    ) throws -> ReportMean {
        let metric = "f1_radgraph"
        try ReportPairs.check(candidates.count, references.count, metric: metric)
        try draws.check(metric)
        for (argument, annotations) in [("candidates", candidates), ("references", references)] {
            for (row, annotation) in annotations.enumerated() {
                let count = annotation.entities.count
                for (place, entity) in annotation.entities.enumerated() {
                    if let relation = entity.relations.first(where: { !(0..<count).contains($0.entity) }) {
                        throw MetricError.value(
                            metric: metric,
                            message: "\(argument): entity \(place + 1) of row \(row + 1) has a relation to entity "
                                + "\(relation.entity + 1) of \(count)")
                    }
                }
            }
        }
        return try ReportMean(
            zip(candidates, references).map { candidate, reference in
                try Cancellation.check()
                return reward(facts(candidate), facts(reference))
            }, draws)
    }

    private func reward(_ candidate: Set<[[UInt8]]>, _ reference: Set<[[UInt8]]>) -> Double {
        if candidate.isEmpty || reference.isEmpty { return 0 }
        let common = Double(candidate.intersection(reference).count)
        let (precision, recall) = (common / Double(candidate.count), common / Double(reference.count))
        return precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0
    }

    /// What is compared, by its bytes: Swift's texts would be equal where Python's are not.
    private func facts(_ annotation: ReportAnnotation) -> Set<[[UInt8]]> {
        var facts = Set<[[UInt8]]>()
        for entity in annotation.entities {
            let plain = [Array(entity.tokens.utf8), Array(entity.label.utf8)]
            if self == .simple || entity.relations.isEmpty {
                facts.insert(plain)
            } else if self == .partial {
                facts.insert(plain + [[1]])
            } else {
                for relation in entity.relations {
                    let other = annotation.entities[relation.entity].tokens
                    facts.insert([
                        Self.lowered(entity.tokens), plain[1], Array(relation.kind.utf8), Self.lowered(other),
                    ])
                }
            }
        }
        return facts
    }

    private static func lowered(_ text: String) -> [UInt8] {
        text.unicodeScalars.flatMap { Array($0.properties.lowercaseMapping.utf8) }
    }
}
