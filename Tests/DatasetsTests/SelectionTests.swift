import Datasets
import Foundation
import TestSupport
import Testing

@Suite struct SelectionTests {
    private func numbered(_ count: Int, image: Bool = false) throws -> Dataset {
        try Dataset.table(
            name: "made", columns: ["row", "group"], rows: (0..<count).map { ["\($0)", "g\($0 % 3)"] },
            imageDirectory: "dir", image: image ? "row" : nil)
    }

    @Test func goldenDraws() throws {
        let sampled = try numbered(5000).sample(4, seed: 42)
        #expect(try sampled.column("row") == ["1501", "2586", "2653", "1055"])
        let split = try numbered(20_000).split(test: .fraction(0.05), seed: 42)
        #expect(try split.test.head(3).column("row") == ["10650", "2041", "8668"])
        #expect(try split.train.head(3).column("row") == ["10399", "8972", "16702"])
        #expect(split.test.count == 1000 && split.train.count == 19_000)
    }

    @Test func wrongNumbersAreErrors() throws {
        let table = try numbered(10)
        #expect(message { _ = try table.sample(11, seed: 1) }.contains("from 0 to the 10 rows"))
        #expect(message { _ = try table.sample(-1, seed: 1) }.contains("from 0"))
        #expect(message { _ = try table.sample(1, seed: -1) }.contains("4294967295"))
        #expect(message { _ = try table.sample(1, seed: 1 << 32) }.contains("4294967295"))
        for share in [0, 1, -0.5, 1.5, Double.nan, .infinity] {
            #expect(message { _ = try table.split(test: .fraction(share), seed: 1) }.contains("between 0 and 1"))
        }
        #expect(message { _ = try table.split(test: .count(10), seed: 1) }.contains("leave a side empty"))
        #expect(message { _ = try table.split(test: .count(0), seed: 1) }.contains("leave a side empty"))
        #expect(message { _ = try table.split(test: .fraction(0.95), seed: 1) }.contains("leave a side empty"))
        #expect(message { _ = try table.split(test: .count(3), seed: 1, by: "group") }.contains("3 of 3 groups"))
        #expect(message { _ = try table.head(-1) }.contains("negative"))
        for (number, shards) in [(0, 2), (3, 2), (1, 0), (Int.max, Int.max - 1), (Int.min, 3)] {
            #expect(message { _ = try table.shard(number, of: shards) }.contains("wanted shard"))
        }
        #expect(try table.shard(Int.max, of: Int.max).count == 0)
        #expect(message { _ = try table.select(rows: [0, 10]) }.contains("row 11 is outside the 10 rows"))
        #expect(message { _ = try table.cell(-1, 0) }.contains("outside"))
        #expect(message { _ = try table.cell(0, 2) }.contains("column 3 is outside"))
        #expect(message { _ = try table.unique(by: [String]()) }.contains("no column"))
    }

    @Test func missingColumnsNameTheNearest() throws {
        let scratch = try Scratch()
        let path = try scratch.write("t.csv", "id,annotated_prompt\n1,x\n")
        let text = message { _ = try Dataset.csv(path: path, prompt: "anotated_prompt") }
        #expect(
            text == path
                + ": no column \"anotated_prompt\"; did you mean \"annotated_prompt\"? The columns are id, annotated_prompt"
        )
        let table = try Dataset.csv(path: path)
        #expect(
            message { _ = try table.unique(by: "zzz") }.contains(
                "no column \"zzz\"; the columns are id, annotated_prompt"))
        #expect(message { _ = try table.prompt(0) }.contains("opened without a column for it"))
        #expect(message { _ = try table.imagePath(0) }.contains("opened without a column for it"))
        #expect(!table.hasLabels && !table.hasPatients)
    }

    @Test func pathsAreJoinedAsPythonDoes() throws {
        let scratch = try Scratch()
        let path = try scratch.write("t.csv", "p,x\na/b.png,1\n/abs.png,2\n,3\n")
        let table = try Dataset.csv(path: path, imageDirectory: "root", image: "p")
        #expect(try table.imagePath(0) == "root/a/b.png")
        #expect(try table.imagePath(1) == "/abs.png")
        #expect(message { _ = try table.imagePaths() }.contains("row 3: no image path"))
        #expect(try Dataset.csv(path: path, imageDirectory: "root/", image: "p").imagePath(0) == "root/a/b.png")
        #expect(try Dataset.csv(path: path, image: "p").imagePath(0) == scratch.path + "/a/b.png")
    }

    @Test func groupsAreNeverOnBothSides() throws {
        var random = SeededGenerator(seed: 3)
        for seed in 0..<50 {
            let groups = (0..<Int.random(in: 2..<60, using: &random)).map { _ in
                "p\(Int.random(in: 0..<12, using: &random))"
            }
            guard Set(groups).count > 1 else { continue }
            let table = try Dataset.table(
                name: "made", columns: ["row", "patientID"], rows: groups.enumerated().map { ["\($0)", $1] })
            let split = try table.split(test: .fraction(0.3), seed: seed, by: "patientID")
            let train = Set(try split.train.column("patientID"))
            let test = Set(try split.test.column("patientID"))
            #expect(train.isDisjoint(with: test))
            #expect(split.train.count + split.test.count == groups.count)
            let counts = try split.train.shared("patientID", with: split.test)
            #expect(counts.names.isEmpty && counts.first == train.count && counts.second == test.count)
            let byRow = try table.split(test: .fraction(0.5), seed: seed)
            let shared = Set(try byRow.train.column("patientID")).intersection(try byRow.test.column("patientID"))
            #expect(try byRow.train.shared("patientID", with: byRow.test).names == shared.compactMap { $0 }.sorted())
        }
    }

    @Test func concatKeepsRolesAndFolders() throws {
        let real = try Dataset.table(
            name: "real", columns: ["id", "path", "made"], rows: [["1", "a.png", "x.png"], ["2", "b.png", "y.png"]],
            imageDirectory: "real", image: "path")
        let made = try Dataset.table(
            name: "made", columns: ["made", "id", "path"], rows: [["x.png", "1", "a.png"]], imageDirectory: "made",
            image: "made")
        let both = try real.concat(made)
        #expect(both.columns == ["id", "path", "made"])
        #expect(try both.imagePaths() == ["real/a.png", "real/b.png", "made/x.png"])
        #expect(try texts(both) == [["1", "a.png", "x.png"], ["2", "b.png", "y.png"], ["1", "a.png", "x.png"]])
        #expect(try both.sample(3, seed: 1).unique(by: "id").count == 2)
        let other = try Dataset.table(name: "other", columns: ["id", "path", "view"], rows: [])
        let text = message { _ = try real.concat(other) }
        #expect(text.contains("only there: made; only here: view"))
        let whole = try real.shard(1, of: 2).concat(real.shard(2, of: 2))
        #expect(try texts(whole) == texts(real) && whole.imagePaths() == real.imagePaths())
    }

    @Test func columnsCanBeAdded() throws {
        let table = try numbered(4).select(rows: [3, 1])
        let added = try table.adding(column: "file", ["c.png", nil])
        #expect(added.columns == ["row", "group", "file"])
        #expect(try texts(added) == [["3", "g0", "c.png"], ["1", "g1", ""]])
        #expect(try added.adding(column: "file", ["d", "e"]).column("file") == ["d", "e"])
        #expect(message { _ = try table.adding(column: "x", ["1"]) }.contains("1 values for 2 rows"))
        let twice = try table.select(rows: [0, 0])
        #expect(message { _ = try twice.adding(column: "x", ["1", "2"]) }.contains("stands twice"))
        #expect(try twice.adding(column: "x", ["1", "1"]).column("x") == ["1", "1"])
    }

    @Test func historySaysWhatEachStepLeft() throws {
        let scratch = try Scratch()
        let path = try scratch.write("t.csv", "a,b\n1,x\n2,x\n3,y\n")
        let table = try Dataset.csv(path: path)
        let chosen = try table.unique(by: "b").head(1)
        #expect(chosen.history.map { "\($0.name) \($0.before) \($0.after)" } == ["unique 3 2", "head 2 1"])
        #expect(try texts(chosen) == [["1", "x"]])
    }

    @Test func errorsOfAFilterComeOut() throws {
        struct Stop: Error {}
        #expect(throws: Stop.self) { try numbered(3).filter { _ in throw Stop() } }
        #expect(try numbered(6).filter { $0 % 2 == 0 }.column("row") == ["0", "2", "4"])
    }
}
