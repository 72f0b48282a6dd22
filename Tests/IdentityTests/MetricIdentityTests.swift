import Files
import Identity
import Testing

@Suite struct MetricIdentityTests {
    private func identity() -> MetricIdentity {
        MetricIdentity(
            metric: "fid", definition: .exact,
            features: FeatureIdentity(
                encoder: "inception-v3", source: .files(sha256: "6726825d"), preprocessing: "tf1-bilinear",
                output: "features", dtype: "f32"),
            estimator: "plain", realCount: 2000, syntheticCount: 1500, seed: 42, details: ["skipped": "3"])
    }

    /// Identities with all that is awkward in a text.
    private func awkward() -> [MetricIdentity] {
        [nil, 0, 42, UInt64.max].flatMap { seed in
            [
                "", "a;b", "a=b; c", "said \"x\"", "back\\slash", "back\\", "two\nlines", "two\r\nlines", "Fréchet",
                "none",
            ]
            .flatMap { value -> [MetricIdentity] in
                var one = identity()
                one.seed = seed
                one.features.preprocessing = value
                one.details = ["k": value, "empty": ""]
                var other = one
                other.features.source = .formula
                other.details = [:]
                return [one, other]
            }
        }
    }

    @Test func textGoesBothWays() throws {
        for one in awkward() {
            #expect(!one.text.contains("\n"))
            #expect(try MetricIdentity(text: one.text) == one, "\(one.text)")
        }
    }

    @Test func jsonGoesBothWays() throws {
        for one in awkward() {
            #expect(try MetricIdentity(json: JSON.parse(one.json.text(), name: "identity")) == one)
        }
    }

    @Test(arguments: [
        ("", "metric"), ("metric", "no ="), ("metric=fid; metric=kid", "twice"), ("metric=\"fid", "does not end"),
        ("metric=\"fid\"x", "\"x\""), ("metric=fid;protocol=exact", ";protocol"), ("metric=fid; protocol=mine", "mine"),
    ])
    func aTextThatIsNoneIsRefused(text: String, says: String) {
        do {
            _ = try MetricIdentity(text: text)
            Issue.record("\(text) was read")
        } catch {
            #expect(String(describing: error).contains(says), "\(error)")
        }
    }

    @Test func fieldsThatAreUnknownOrOfNoSenseAreNamed() {
        for (field, value) in [("colour", "red"), ("n_real", "many"), ("seed", "-1"), ("device", "an abacus")] {
            let changed = identity().fields.filter { $0.name != field } + [(field, value)]
            do {
                _ = try MetricIdentity(fields: changed)
                Issue.record("\(field)=\(value) was read")
            } catch {
                #expect(String(describing: error).contains(field), "\(error)")
            }
        }
        #expect(throws: IdentityError.self) { try MetricIdentity(json: .null) }
        #expect(throws: IdentityError.self) { try MetricIdentity(json: .object([("metric", .boolean(true))])) }
    }

    @Test func differencesNameTheField() {
        var other = identity()
        #expect(identity().differences(from: other).isEmpty)
        other.syntheticCount = 1499
        other.definition = .chexgenbench
        other.features.dtype = "bf16"
        other.details = ["clamped": "yes"]
        let names = ["protocol", "dtype", "n_synthetic", "details.skipped", "details.clamped"]
        #expect(identity().differences(from: other).map(\.field) == names)
        #expect(identity().differences(from: other)[2].theirs == "1499")
        #expect(MetricIdentity.differences(between: identity().text, and: other.text)?.map(\.field) == names)
        #expect(MetricIdentity.differences(between: identity().text, and: "54.2") == nil)
    }

    @Test func textIsOneLine() {
        var one = identity()
        one.features.preprocessing = "a;b"
        #expect(
            one.text
                == "metric=fid; protocol=exact; encoder=inception-v3; weights=6726825d; preprocessing=\"a;b\"; "
                + "output=features; dtype=f32; device=cpu; estimator=plain; n_real=2000; n_synthetic=1500; seed=42; "
                + "details.skipped=3")
    }
}
