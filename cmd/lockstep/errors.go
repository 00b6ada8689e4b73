package main

import (
	"errors"

	"github.com/spf13/pflag"

	"github.com/lockstep-gitops/lockstep/engine"
)

func asNotExist(err error, target **pflag.NotExistError) bool { return errors.As(err, target) }

func asPreflight(err error, target **preflightError) bool { return errors.As(err, target) }

func asPromotion(err error) *engine.PromotionError {
	var p *engine.PromotionError
	errors.As(err, &p)
	return p
}
