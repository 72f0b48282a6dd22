import Files
import Metrics
import Testing

@Suite struct MetricIdentityTests {
    private func identity() -> MetricIdentity {
        MetricIdentity(
            metric: "fid", definition: .exact, encoder: "inception-v3", weights: "6726825d",
            preprocessing: "tf1-bilinear",
            dtype: "f32", estimator: "plain", realCount: 2000, syntheticCount: 1500, seed: 42,
            details: ["skipped": "3"])
    }

    @Test func jsonGoesBothWays() throws {
        for seed in [nil, 0, 42, UInt64.max] {
            var one = identity()
            one.seed = seed
            let text = one.json.text(pretty: true)
            #expect(try MetricIdentity(json: JSON.parse(text, name: "identity")) == one)
        }
        let missing = try JSON.parse(#"{"metric": "fid"}"#, name: "x")
        #expect(throws: MetricError.self) { try MetricIdentity(json: missing) }
        #expect(throws: MetricError.self) { try MetricIdentity(json: .null) }
    }

    @Test func differencesNameTheField() {
        var other = identity()
        #expect(identity().differences(from: other).isEmpty)
        other.syntheticCount = 1499
        other.definition = .chexgenbench
        other.details = ["clamped": "yes"]
        #expect(
            identity().differences(from: other).map(\.field)
                == ["protocol", "n_synthetic", "details.skipped", "details.clamped"])
        #expect(identity().differences(from: other)[1].theirs == "1499")
    }

    @Test func textIsOneLine() {
        var one = identity()
        one.preprocessing = "a;b"
        #expect(
            one.text
                == "metric=fid; protocol=exact; encoder=inception-v3; weights=6726825d; preprocessing=\"a;b\"; dtype=f32; "
                + "estimator=plain; n_real=2000; n_synthetic=1500; seed=42; details.skipped=3")
    }
}
