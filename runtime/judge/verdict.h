// SPDX-License-Identifier: Apache-2.0
// What judges are asked and what they answer.
#pragma once

#include <map>
#include <string>

namespace midpo {

/// A response to be judged by itself.
struct JudgedResponse {
  std::string prompt;
  std::string response;
};

/// What a judge says of one response: numbers by name (true and false are 1 and 0), and the group
/// the request belongs to, if the judge tells groups apart. The names that midpo knows:
///   helpful       how well the request is met; higher is better
///   safe          0 or 1
///   over_refusal  0 or 1: declines what is fine
/// A name may be missing where it makes no sense (helpful, for a request that must be declined).
struct Verdict {
  std::string kind;
  std::map<std::string, double> numbers;
};

/// Outcome of comparing response A with response B.
enum class Preference { kFirst, kSecond, kTie };

/// Which of two responses a judge holds to be more helpful, and which safer.
struct PairVerdict {
  Preference helpful = Preference::kTie;
  Preference safe = Preference::kTie;
};

}  // namespace midpo
