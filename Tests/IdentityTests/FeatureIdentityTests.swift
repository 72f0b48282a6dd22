import Identity
import Testing

@Suite struct FeatureIdentityTests {
    private let identity = FeatureIdentity(
        encoder: "rad-dino", source: FeatureIdentity.source(files: ["a", "b"]), preprocessing: "RGB; \"x\"; 518",
        output: "pooler_output", dtype: "bf16")

    @Test func everyPartCounts() {
        let changes: [(inout FeatureIdentity) -> Void] = [
            { $0.encoder = "rad-dyno" }, { $0.source = FeatureIdentity.source(files: ["b", "a"]) },
            { $0.source = .script(sha256: nil) }, { $0.source = .script(sha256: "1") }, { $0.source = .formula },
            { $0.preprocessing = "RGB" },
            { $0.output = "tokens" }, { $0.dtype = "f32" },
        ]
        var texts: Set<String> = [identity.text]
        for change in changes {
            var other = identity
            change(&other)
            #expect(other != identity)
            texts.insert(other.text)
        }
        #expect(texts.count == changes.count + 1)
        // A part cannot run into the next one.
        var (left, right) = (identity, identity)
        (left.encoder, left.preprocessing) = ("a\",\"b", "c")
        (right.encoder, right.preprocessing) = ("a", "b\",\"c")
        #expect(left.text != right.text)
    }

    @Test func theFieldsAreThoseOfTheText() {
        #expect(
            identity.fields.map(\.name) == ["encoder", "weights", "preprocessing", "output", "dtype", "device"])
        // SHA-256 of "a\nb".
        #expect(identity.fields[1].value == "7e18f737311b2dc3b2f269dd78396b0351f14fb66efa879f768cb23181883c78")
        #expect(identity.fields[5].value == "cpu")
    }

    @Test func sourcesAreReadAsTheyAreWritten() {
        typealias Source = FeatureIdentity.Source
        let sources: [(Source, String)] = [
            (.formula, "none"), (.script(sha256: nil), "script"),
            (.script(hash: "0123456789abcdef"), "script 0123456789ab"), (.files(sha256: "ab"), "ab"),
        ]
        for (source, text) in sources {
            #expect(source.text == text && Source(text: text) == source)
            #expect(source.isScript == text.hasPrefix("script"))
        }
    }

    @Test func theLineIsThatOfANumber() {
        let number = MetricIdentity(
            metric: "fid", definition: .exact, features: identity, estimator: "plain", realCount: 2, syntheticCount: 3)
        #expect(number.text.contains("; " + identity.line + "; "))
        #expect(
            identity.line.contains(
                "preprocessing=\"RGB; \\\"x\\\"; 518\"; output=pooler_output; dtype=bf16; device=cpu"))
    }
}
