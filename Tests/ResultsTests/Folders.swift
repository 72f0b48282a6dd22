import Files
import Foundation
import Imaging
import TestSupport

/// Run folders as this program writes them, made by hand.
enum RunFolders {
    static let identity =
        "metric=frd; protocol=exact; encoder=radiomics; weights=none; preprocessing=p; output=features; dtype=f64; device=cpu; "
        + "estimator=frechet-f64; n_real=160; n_synthetic=150; seed=none"

    /// A finished run with one row of numbers and one of a pathology.
    @discardableResult static func write(
        in scratch: Scratch, _ name: String = "run", more: String = "", rows: [String]? = nil, isFinished: Bool = true,
        identity: String = RunFolders.identity
    ) throws -> String {
        try scratch.write(
            "\(name)/run.yaml",
            """
            experiment: ../frd.lua
            seed: 42
            dtype: f32
            params: { name: model-a, protocol: exact, images: 160\(more) }
            provenance: { chexgen: "0.1.0", build: "aa", library: "bb", finished: \(isFinished) }
            pins:
              ../secret/patient-p10000032.csv: "59dc6a0a8fc69457384eb2dcc7d87df389540cf053bd1dfaaf1400b734c7eef9"

            """)
        try scratch.write(
            "\(name)/run.json",
            """
            {"attempts": [{"command": ["chexgen", "run", "/home/somebody/secret.yaml"], "started": "2026-11-28T04:07:13Z",
             "machine": {"threads": 2}, "seconds": 22.5, "peak_memory_bytes": 1000000, "cells": {"done": 1}, "failures": [],
             "exit": \(isFinished ? 0 : 130)}]}
            """)
        let given =
            rows ?? [
                """
                {"FRD":9.5,"Extra Info":"model-a","Protocol":"exact","Real images":160,"Synthetic images":150,"FRD low":9.0,\
                "FRD high":10.0,"FRD floor":1.67,"FRD at infinity":"-Infinity","FRD identity":"\(identity)","FID":null}
                """,
                """
                {"FRD":8.25,"Extra Info":"model-a","Protocol":"exact","Real images":20,"Synthetic images":18,"FRD low":8.0,\
                "FRD high":8.5,"FRD floor":3.0,"FRD identity":"\(identity)","Pathology":"Edema","Note":"a note"}
                """,
            ]
        try scratch.write("\(name)/results.jsonl", given.map { $0 + "\n" }.joined())
        return "\(scratch.path)/\(name)"
    }

    /// A film of one grey.
    static func film(_ scratch: Scratch, _ name: String, _ level: UInt8, side: Int = 40) throws {
        try scratch.write(name, "")
        try Image(width: side, height: side, mode: .gray, pixels: [UInt8](repeating: level, count: side * side))
            .save("\(scratch.path)/\(name)")
    }
}
