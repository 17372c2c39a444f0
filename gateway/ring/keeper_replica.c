#include "gateway/ring/keeper_internal.h"

bool keeper_stand_at(struct keeper *k, uint32_t drive, struct home_stand *ret, void (*at)(void *cookie, uint32_t drive),
	void *cookie)
{
	pthread_mutex_lock(&k->lock);
	const bool held = homes_stand(k->homes, drive, ret);
	if (held)
		at(cookie, drive);
	pthread_mutex_unlock(&k->lock);
	return held;
}

/* The caller holds k->lock. Drops here what the home has reported as touched, as the home did. */
static void follow(struct keeper *k, uint32_t drive, const struct touched *touched)
{
	const struct home_stretch stretch = keeper_stretch(touched);

	keeper_do_duty(k, drive, homes_touched(k->homes, drive, &stretch), touched);
}

bool keeper_offered(struct keeper *k, uint32_t drive, const struct home_stand *stand, const struct touched *touched)
{
	enum home_duty duty;

	pthread_mutex_lock(&k->lock);
	const bool taken = !k->stopping && homes_offered(k->homes, drive, stand, &duty);
	if (taken) {
		keeper_do_duty(k, drive, duty, NULL);
		if (touched)
			follow(k, drive, touched);
	}
	keeper_ask_and_unlock(k, drive);
	return taken;
}

bool keeper_has_life(struct keeper *k, uint32_t drive, int64_t incarnation)
{
	pthread_mutex_lock(&k->lock);
	const bool is = homes_is_of(k->homes, drive, incarnation);
	pthread_mutex_unlock(&k->lock);
	return is;
}
